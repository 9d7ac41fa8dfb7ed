"""On a tenant in the database: learned, scored, only what changed written again, nobody else touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from kernel.models import run, store
from kernel.sdk import Trained, card, clean_orders, find_customer
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_order
from plugins.churn.model import MODEL, NEXT_ORDER, PROBABILITY, REASONS, VALUE
from tests.plugins.churn.shop import many, rows
from tests.plugins.churn.stored import shop, traits

RAW = many(90, seed=5)


async def test_everyone_has_traits(core: Core) -> None:
    await shop(core, RAW)
    async with core.tenant_scope("alpha") as ctx:
        gone = await traits(ctx, PROBABILITY)
        known = await card(ctx, "churn")
        customers = await ctx.db.fetchval(
            "SELECT count(*) FROM profiles_customer WHERE tenant_id = $1", ctx.tenant.id
        )
        assert len(gone) == customers == known.scoring.customers  # type: ignore[union-attr]
        assert all(0 <= float(value) <= 1 for value, _ in gone.values())
        assert set(await traits(ctx, VALUE)) == set(await traits(ctx, REASONS)) == set(gone)
        dated = await traits(ctx, NEXT_ORDER)
        assert 0 < len(dated) < customers and all(float(gone[who][0]) <= 0.805 for who in dated)
        assert known.in_use is not None and known.in_use.trained is not None
        assert known.in_use.trained.horizon_days == 30 and known.healthy
        stored = await ctx.db.fetchval(
            "SELECT DISTINCT plugin FROM profiles_trait WHERE tenant_id = $1 AND name LIKE 'churn.%'",
            ctx.tenant.id,
        )
        assert stored == "churn"


async def test_only_what_changed_is_written_again(core: Core, clock: TurnedClock) -> None:
    await shop(core, RAW)
    ctx = await core.detached("alpha")
    again = await run.score(ctx, ["churn"])
    assert again["churn"].written == 0
    async with core.tenant_scope("alpha") as tx:
        before = await traits(tx, PROBABILITY) | {
            -who: one for who, one in (await traits(tx, REASONS)).items()
        }
        who = await find_customer(tx, "c3")
        assert who is not None
    clock.turn(hours=6)
    async with core.tenant_scope("alpha") as tx:
        await add_order(tx, who, tx.now - timedelta(minutes=5), 80)
    done = await run.score(await core.detached("alpha"), ["churn"])
    async with core.tenant_scope("alpha") as tx:
        after = await traits(tx, PROBABILITY) | {
            -who: one for who, one in (await traits(tx, REASONS)).items()
        }
    changed = {one for one in after if after[one] != before[one]}
    assert {who, -who} <= changed and after[who][0] < before[who][0]
    # Of the others a hundredth may have turned in six hours; their sentences stand as they did.
    assert {-one for one in changed if one < 0} == {who}
    for one in set(after) - changed:
        assert after[one][1] == before[one][1]
    assert 2 <= done["churn"].written < len(after)


async def test_too_small_a_shop_abstains_in_words(core: Core) -> None:
    await shop(core, rows(*[(n, 10 * m + n, 20.0) for n in range(3) for m in range(9)]))
    async with core.tenant_scope("alpha") as ctx:
        known = await card(ctx, "churn")
        assert known.in_use is None and known.healthy
        assert known.state.startswith("It says nothing yet: It needs 20 customers")
        assert not await traits(ctx, PROBABILITY)


async def test_a_young_shop_is_told_by_its_rhythm(core: Core) -> None:
    await shop(core, many(60, days=100))
    async with core.tenant_scope("alpha") as ctx:
        known = await card(ctx, "churn")
        assert known.in_use is not None and known.in_use.trained is not None, known.state
        assert known.in_use.trained.method == "bgnbd"


async def test_who_is_erased_has_no_risk(core: Core) -> None:
    await shop(core, RAW)
    async with core.tenant_scope("alpha") as ctx:
        who = await find_customer(ctx, "c3")
        await ctx.db.execute(
            "UPDATE profiles_customer SET erased_at = $3 WHERE tenant_id = $1 AND id = $2",
            ctx.tenant.id, who, ctx.now,
        )  # fmt: skip
    await run.score(await core.detached("alpha"), ["churn"])
    async with core.tenant_scope("alpha") as ctx:
        assert who not in await traits(ctx, PROBABILITY)


@pytest.mark.parametrize("broken", ["\\x00", "corrupt"])
async def test_a_corrupt_artefact_leaves_the_traits_and_is_told(core: Core, broken: str) -> None:
    await shop(core, RAW)
    async with core.tenant_scope("alpha") as ctx:
        before = await traits(ctx, PROBABILITY)
        await ctx.db.execute(
            "UPDATE models_artefact SET artefact = convert_to($2, 'UTF8') WHERE tenant_id = $1",
            ctx.tenant.id,
            broken,
        )
    await run.nightly(await core.detached("alpha"))
    async with core.tenant_scope("alpha") as ctx:
        assert await traits(ctx, PROBABILITY) == before


async def test_the_file_and_the_database_say_the_same(core: Core) -> None:
    await shop(core, RAW)
    ctx = await core.detached("alpha")
    async with ctx.transaction() as tx:
        used = await store.in_use(tx, "churn")
        assert used is not None and used.trained is not None
        stored = await traits(tx, PROBABILITY)
        ids = {
            row["external_id"]: row["id"]
            for row in await tx.db.fetch(
                "SELECT external_id, id FROM profiles_customer WHERE tenant_id = $1", tx.tenant.id
            )
        }
        now = tx.now
        zone = tx.tenant.timezone
    known = replace(clean_orders(RAW, now), timezone=zone)
    trained = MODEL.train(known, now, None)
    assert isinstance(trained, Trained) and known.ids is not None
    scores = MODEL.score(trained.artefact, known, now)
    names = known.ids.gather(scores["customer_id"])
    mine = {
        ids.get(f"c{name}"): value for name, value in zip(names, scores[PROBABILITY], strict=True)
    }
    assert {who: msgspec.json.decode(value) for who, (value, _) in stored.items()} == mine
