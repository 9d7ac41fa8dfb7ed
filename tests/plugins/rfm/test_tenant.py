"""The model on a real tenant: trained, scored, its traits, its movement, and what the health board says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.models import run
from kernel.sdk import Context, card, customer, merge_orders, read_history, traits_of
from kernel.tenancy import health
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_tenant
from plugins.rfm import overview, repo, segments
from plugins.rfm.model import BEFORE, CELL, MODEL, SCORE, SEGMENT
from plugins.rfm.movement import NEW
from plugins.rfm.routes import in_use
from tests.plugins.rfm.stored import ADA, BOB, EVE, IDA, bought, frames, shop

FIVE = ["Champions", "Loyal", "Promising", "At Risk", "Lost"]


async def artefact(ctx: Context) -> segments.Segments:
    from kernel.sdk import artefact_in_use

    kept = await artefact_in_use(ctx, "rfm")
    assert kept is not None
    return segments.decode(kept)


async def test_traits_of_everyone(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        traits = await traits_of(ctx, list(ids.values()))
        assert (await in_use(ctx))[0] == FIVE
    assert len(traits) == len(ids)
    ada = traits[ids[ADA]]
    assert ada[SEGMENT] == "Champions" and ada[SCORE] == 15 and ada[CELL] == "5-5-5"
    assert BEFORE not in ada, "she was a champion a month ago too"
    assert traits[ids[EVE]][BEFORE] == NEW
    assert traits[ids[BOB]][BEFORE] in FIVE[1:], "he came back"
    assert FIVE.index(traits[ids[BOB]][SEGMENT]) < FIVE.index(traits[ids[BOB]][BEFORE])


async def test_a_month_ago_is_what_was_known_then(core: Core) -> None:
    """The trait is what the segments in use say of the history that ends thirty days earlier."""
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        found, then = await artefact(ctx), ctx.now - timedelta(days=30)
        past = await read_history(ctx, then)  # nothing of the last month was even read
        stood = MODEL.score(segments.encode(found), past, then)
        traits = await traits_of(ctx, list(ids.values()))
    before = dict(zip(stood["customer_id"], stood[SEGMENT], strict=True))
    for customer_id, held in traits.items():
        was = before.get(customer_id, NEW)
        assert held.get(BEFORE, held[SEGMENT]) == was


async def test_the_overview_adds_up(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        counted = await repo.groups(ctx)
        people = [await customer(ctx, one) for one in ids.values()]
    rows, moves = overview.figures(FIVE, counted), overview.last_month(FIVE, counted)
    assert sum(row.customers for row in rows) == len(ids)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert sum(row.money for row in rows) == pytest.approx(
        float(sum(p.total_spent for p in people))
    )
    assert rows[0].spent > rows[-1].spent and rows[0].days < rows[-1].days
    assert all(1 <= point <= 5 for row in rows for point in row.points)
    assert sum(map(sum, moves.counts)) == len(ids)
    columns = [sum(column) for column in zip(*moves.counts, strict=True)]
    assert columns == [row.customers for row in rows]
    assert sum(moves.counts[-1]) == moves.sums()[2] >= 1, "Eve is new"


async def test_members_are_paged_and_whole(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        seen: list[repo.Member] = []
        after = ""
        while True:
            page, after = await repo.members(ctx, after=after, limit=17)
            seen += page
            if not after:
                break
        assert sorted(one.id for one in seen) == sorted(ids.values())
        spent = [one.total_spent for one in seen]
        assert spent == sorted(spent, reverse=True)
        moved, _ = await repo.members(ctx, moved=True, limit=200)
        assert {one.id for one in moved} == {
            one.id for one in seen if one.before not in (None, NEW)
        }
        for name in FIVE:
            found, _ = await repo.members(ctx, name, limit=200)
            assert {one.segment for one in found} <= {name}


async def test_an_easier_month_before_is_no_reason_to_refuse(
    core: Core, clock: TurnedClock
) -> None:
    """What is in use is judged on the days that the new segmentation is judged on, not by its own old ones."""
    await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        changed = await ctx.db.execute(
            """UPDATE models_artefact SET evaluation = jsonb_set(evaluation,
                 ARRAY['metrics', evaluation ->> 'metric'], '0.99') WHERE model = 'rfm'"""
        )
    assert changed == "UPDATE 1"
    clock.turn(days=7)
    async with core.tenant_scope("alpha") as ctx:
        await merge_orders(ctx, *frames(ctx, next_week(), "week"))
    (version,) = await run.train(await core.detached("alpha"), ["rfm"])
    assert version.state == "in_use", version.reason


async def test_names_and_segments_survive_the_next_training(core: Core, clock: TurnedClock) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        old, before = await artefact(ctx), await traits_of(ctx, list(ids.values()))
    clock.turn(days=7)
    async with core.tenant_scope("alpha") as ctx:
        await merge_orders(ctx, *frames(ctx, next_week(), "week"))
    ctx = await core.detached("alpha")
    (version,) = await run.train(ctx, ["rfm"])
    await run.score(ctx, ["rfm"])
    assert version.state == "in_use" and version.number == 2
    async with core.tenant_scope("alpha") as ctx:
        new, after = await artefact(ctx), await traits_of(ctx, list(ids.values()))
    assert new.names == old.names
    same = sum(before[one][SEGMENT] == after[one][SEGMENT] for one in before)
    assert same >= 0.7 * len(before)
    far = [FIVE.index(before[one][SEGMENT]) - FIVE.index(after[one][SEGMENT]) for one in before]
    assert sum(abs(step) > 1 for step in far) <= 0.05 * len(before)


def next_week() -> list[tuple[str, float, int]]:
    """What the customers of `bought` order in the seven days after, in the rhythm they have."""
    last: dict[str, list[float]] = {}
    for who, ago, _ in bought():
        last.setdefault(who, []).append(ago)
    rows = []
    for who, agos in last.items():
        latest, *earlier = sorted(agos)
        pause = earlier[0] - latest if earlier else 400
        rows += [(who, age, 30) for age in (latest - pause + 7,) if 0 < age < 7]
    return rows


async def test_an_order_moves_a_customer_within_minutes(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        before = (await traits_of(ctx, [ids[IDA]]))[ids[IDA]]
        await merge_orders(ctx, *frames(ctx, [(IDA, 0.01, 400), (IDA, 1, 400)], "new"))
    await run.fresh(await core.detached("alpha"))
    async with core.tenant_scope("alpha") as ctx:
        after = (await traits_of(ctx, [ids[IDA]]))[ids[IDA]]
    assert FIVE.index(after[SEGMENT]) < FIVE.index(before[SEGMENT])
    assert after[BEFORE] in FIVE and after[BEFORE] != after[SEGMENT]


async def test_champions_who_stop_spending_stand_on_the_health_board(core: Core) -> None:
    await shop(core, fallen())
    board = health.Health()
    core.board.report = board.report
    await run.train(await core.detached("alpha"), ["rfm"])
    await board.flush(core)
    async with core.tenant_scope("alpha") as ctx:
        known = await card(ctx, "rfm")
        lines = (await health.page(ctx)).rows
    assert not known.healthy and "Champions no longer spend most" in known.state
    assert [line["what"] for line in lines] == ["model rfm"]
    assert "EUR a head" in lines[0]["error"]


def fallen() -> list[tuple[str, float, int]]:
    """The best customers of ninety days ago have bought next to nothing since; the weakest a lot."""
    rows = [(who, ago + 90, amount) for who, ago, amount in bought()]
    rows += [(f"c{n}", 30 + n / 10, 5) for n in range(0, 90, 5)]
    rows += [(ADA, 20, 5)]
    return rows + [(f"c{n}", 50 + n / 10, 300) for n in range(4, 90, 5)]


async def test_a_shop_with_the_plugin_and_nothing_else(core: Core) -> None:
    """What alpha has is nothing to another shop."""
    await shop(core)
    await add_tenant(core, "cedar", ["rfm"])
    (version,) = await run.train(await core.detached("cedar"), ["rfm"])
    assert version.state == "abstained" and "there is none" in version.reason
    async with core.tenant_scope("cedar") as ctx:
        assert await repo.groups(ctx) == [] and (await repo.members(ctx))[0] == []
        assert await in_use(ctx) == ([], "")
