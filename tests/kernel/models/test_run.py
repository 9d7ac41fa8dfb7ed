"""Training, judging, promoting, scoring, going back: with a stranger's model on real Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.jobs.kernel_jobs import regular_jobs
from kernel.models import cards, history, run, store
from kernel.profiles import rights
from kernel.tenancy import health
from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_customers, add_order
from tests.kernel.models import toy


async def fill(core: Core, customers: int = 12) -> list[int]:
    """Every second customer orders every ten days, the others ordered once long ago."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, customers)
        for place, customer in enumerate(ids):
            for days in range(5, 200, 10) if place % 2 else (150,):
                await add_order(ctx, customer, ctx.now - timedelta(days=days), 20.0 + place)
    return ids


async def traits(core: Core) -> dict[int, dict[str, Any]]:
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT customer_id, name, value::text FROM profiles_trait")
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], {})[row["name"]] = row["value"]
    return found


async def test_trained_promoted_and_scored(core: Core) -> None:
    ids = await fill(core)
    ctx = await core.detached("alpha")
    (version,) = await run.train(ctx, ["toy"])
    assert (version.state, version.number) == ("in_use", 1)
    assert version.trained is not None and version.trained.artefact == b""
    assert version.trained.n == 12 and version.evaluation is not None
    assert version.evaluation.as_of == ctx.now - timedelta(days=30)
    assert set(version.evaluation.baselines) == {"recency_only", "rfm_logistic"}
    done = (await run.score(ctx, ["toy"]))["toy"]
    found = await traits(core)
    assert done.customers == 12 and done.written == 18
    assert found[ids[1]]["toy.again"] > found[ids[0]]["toy.again"]
    assert found[ids[1]]["toy.lately"] == "true" and "toy.lately" not in found[ids[0]]
    assert (await run.score(ctx, ["toy"]))["toy"].written == 0


async def test_a_worse_model_is_refused_and_told(core: Core) -> None:
    await fill(core)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["toy"])
    toy.TOY.wrong = True
    (version,) = await run.train(ctx, ["toy"])
    assert version.state == "refused" and "Log loss" in version.reason
    async with core.tenant_scope("alpha") as tx:
        used = await store.in_use(tx, "toy")
        card = await cards.card(tx, "toy")
    assert used is not None and used.number == 1
    assert not card.healthy and version.reason in card.state


async def test_failures_stand_on_the_health_board_until_they_are_over(core: Core) -> None:
    await fill(core)
    ctx = await core.detached("alpha")
    board = watched(core)
    toy.TOY.broken = True
    await run.nightly(ctx)
    await board.flush(core)
    async with core.tenant_scope("alpha") as tx:
        (line,) = (await health.page(tx)).rows
        assert line["what"] == "model toy" and "the toy is broken" in line["error"]
        assert set(await store.scorings(tx)) == {"toy", "toy_shelf"}  # not asked again at once
    toy.TOY.broken = False
    await run.nightly(ctx)
    async with core.tenant_scope("alpha") as tx:
        assert not (await health.page(tx)).rows
        assert (await cards.card(tx, "toy")).state.startswith("In use since")
        assert (await cards.card(tx, "toy_shelf")).state == "It says nothing yet: Products."


def watched(core: Core) -> health.Health:
    """What is told of failures from now on."""
    board = health.Health()
    core.board.report = board.report
    return board


async def lines(core: Core, board: health.Health) -> list[str]:
    await board.flush(core)
    async with core.tenant_scope("alpha") as tx:
        return [row["error"] for row in (await health.page(tx)).rows]


async def test_the_board_names_the_fix_of_what_is_refused(core: Core) -> None:
    await fill(core)
    board = watched(core)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["toy"])
    toy.TOY.wrong = True
    await run.train(ctx, ["toy"])
    (said,) = await lines(core, board)
    assert said.startswith("The newest training was refused: ")
    assert "What it learned until 2026-06-15 stays in use." in said
    assert said.endswith("train it now once the orders are complete.")
    await run.nightly(ctx)  # it is not due, and so it is refused still
    assert len(await lines(core, board)) == 1
    async with core.tenant_scope("alpha") as tx:
        (line,) = (await health.page(tx)).rows
    assert line["times"] == 1, "what stands on the board is not told again"
    toy.TOY.wrong = False
    await run.train(ctx, ["toy"])
    assert not await lines(core, board)


async def test_the_board_says_when_a_model_is_stale(core: Core, clock: TurnedClock) -> None:
    ids = await fill(core)
    board = watched(core)
    await run.nightly(await core.detached("alpha"))
    clock.turn(days=50)  # no worker ran at night
    async with core.tenant_scope("alpha") as tx:
        await tx.db.execute("UPDATE profiles_order SET created_at = now() - interval '1 day'")
        await add_order(tx, ids[0], tx.now - timedelta(hours=1))
    await run.fresh(await core.detached("alpha"))
    (said,) = await lines(core, board)
    assert said.startswith("Stale: what it knows ends on 2026-06-15. Train it now")
    await run.nightly(
        await core.detached("alpha")
    )  # what it learns of fifty dead days is another matter
    assert "Stale" not in " ".join(await lines(core, board))


async def test_a_model_that_cannot_learn_any_more_is_told(core: Core) -> None:
    await fill(core)
    board = watched(core)
    await run.train(await core.detached("alpha"), ["toy"])
    async with core.tenant_scope("alpha") as tx:
        await tx.db.execute("DELETE FROM profiles_order WHERE tenant_id = 'alpha'")
    await run.train(await core.detached("alpha"), ["toy"])
    (said,) = await lines(core, board)
    assert said.startswith("It cannot learn any more: 5 customers with an order")
    assert "Import the orders that are missing" in said


async def test_a_training_by_hand_that_fails_is_raised_and_told(core: Core) -> None:
    await fill(core)
    board = watched(core)
    toy.TOY.broken = True
    with pytest.raises(RuntimeError):
        await run.train(await core.detached("alpha"), ["toy"])
    (said,) = await lines(core, board)
    async with core.tenant_scope("alpha") as tx:
        found = await cards.card(tx, "toy")
    assert said == "RuntimeError: the toy is broken"
    assert not found.healthy and found.standing == "needs a look"
    assert found.state.startswith("It failed when it ran last: RuntimeError: the toy is broken")
    toy.TOY.broken = False
    await run.train(await core.detached("alpha"), ["toy"])
    assert not await lines(core, board)


async def test_going_back_ends_what_scoring_failed_at(core: Core) -> None:
    await fill(core)
    board = watched(core)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["toy"])
    await run.train(ctx, ["toy"])
    async with core.tenant_scope("alpha") as tx:
        await tx.db.execute(
            "UPDATE models_artefact SET artefact = substr(artefact, 1, 40) WHERE number = 2"
        )
    toy.TOY.broken = True  # so that the night cannot train a new one
    await run.nightly(ctx)
    assert len(await lines(core, board)) == 1
    await run.rollback(ctx, "toy")
    assert not await lines(core, board)


async def test_nightly_trains_weekly_and_scores_daily(core: Core, clock: TurnedClock) -> None:
    await fill(core)
    numbers = []
    for _ in range(9):
        ctx = await core.detached("alpha")
        await run.nightly(ctx)
        async with core.tenant_scope("alpha") as tx:
            numbers.append((await store.versions(tx, "toy"))[0].number)
            assert (await store.scorings(tx))["toy"].scored_at == tx.now
        clock.turn(days=1)
    assert numbers == [1] * 7 + [2] * 2


async def test_a_patient_model_waits_until_enough_is_new(
    core: Core, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.TOY, "new_share", 0.1, raising=False)
    ids = await fill(core)  # 126 orders

    async def order(times: int) -> None:
        async with core.tenant_scope("alpha") as tx:
            for place in range(times):
                await add_order(tx, ids[place % 6], tx.now - timedelta(hours=1))

    async def number() -> int:
        ctx = await core.detached("alpha")
        await run.nightly(ctx)
        async with core.tenant_scope("alpha") as tx:
            return (await store.versions(tx, "toy"))[0].number

    assert await number() == 1
    clock.turn(days=8)
    assert await number() == 1  # nothing is new
    clock.turn(days=20)
    await order(6)
    assert await number() == 2  # little is, but four weeks are over
    clock.turn(days=5)
    await order(20)
    assert await number() == 2  # much is new, but it is not a week
    clock.turn(days=2)
    assert await number() == 3


async def test_abstains_with_what_is_missing(core: Core) -> None:
    await fill(core, 2)
    ctx = await core.detached("alpha")
    (version,) = await run.train(ctx, ["toy"])
    assert version.state == "abstained" and version.reason.startswith("5 customers with an order")
    assert await run.score(ctx, ["toy"]) == {}
    assert await traits(core) == {}


async def test_fresh_scores_who_ordered(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await fill(core)
    ctx = await core.detached("alpha")
    await run.fresh(ctx)  # never ran: all of it
    assert len(await traits(core)) == 12
    async with core.tenant_scope("alpha") as tx:
        await tx.db.execute("UPDATE profiles_order SET created_at = now() - interval '1 day'")
        await tx.db.execute("DELETE FROM profiles_trait WHERE customer_id = $1", ids[2])
        await add_order(tx, ids[0], tx.now - timedelta(hours=1))

    async def no(*args: object) -> None:
        raise AssertionError("everything is scored again")

    monkeypatch.setattr(run, "nightly", no)
    await run.fresh(ctx)
    found = await traits(core)
    assert found[ids[0]]["toy.lately"] == "true"
    assert ids[2] not in found  # did not order
    async with core.tenant_scope("alpha") as tx:
        seen = [one.seen_at for one in (await store.scorings(tx)).values()]
        assert min(seen) > await tx.db.fetchval("SELECT now() - interval '1 minute'")


async def test_fresh_in_an_imports_hour_scores_what_was_not_seen(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_FEW", 0.0)
    ids = await fill(core, 120)
    ctx = await core.detached("alpha")
    await run.nightly(ctx)

    async def no(*args: object) -> None:
        raise AssertionError("scored again")

    async with core.tenant_scope("alpha") as late:  # begun before the next look, over after it
        await late.db.execute(
            "INSERT INTO profiles_order (tenant_id, external_id, customer_id, ordered_at, amount, currency) "
            "VALUES ($1, 'late', $2, $3, 50, $4)",
            late.tenant.id,
            ids[0],
            late.now - timedelta(hours=1),
            late.tenant.currency,
        )
        async with core.tenant_scope("alpha") as tx:
            await add_order(tx, ids[1], tx.now - timedelta(hours=1))
        await run.fresh(ctx)
    scored: list[list[int] | None] = []
    score = run._score

    async def watched(*args: Any) -> Any:
        scored.append(args[4] if len(args) > 4 else None)
        return await score(*args)

    monkeypatch.setattr(run, "_score", watched)
    await run.fresh(ctx)
    assert scored and ids[0] in (scored[0] or [])
    monkeypatch.setattr(run, "_score", no)
    await run.fresh(ctx)  # everybody has an order stored in the last hour, and all were seen


async def test_rollback(core: Core) -> None:
    await fill(core)
    ctx = await core.detached("alpha", actor="Ada")
    with pytest.raises(Conflict, match="no earlier version"):
        await run.rollback(ctx, "toy")
    await run.train(ctx, ["toy"])
    await run.train(ctx, ["toy"])
    version = await run.rollback(ctx, "toy")
    assert (version.number, version.state) == (1, "in_use")
    assert version.reason == "Put back into use by Ada."
    assert len(await traits(core)) == 12
    async with core.tenant_scope("alpha") as tx:
        assert [v.state for v in await store.versions(tx, "toy")] == ["retired", "in_use"]
    with pytest.raises(NotFound, match="Version 9"):
        await run.rollback(ctx, "toy", 9)


async def test_a_corrupt_or_older_artefact_is_refused_and_trained_again(core: Core) -> None:
    await fill(core)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["toy"])
    async with core.tenant_scope("alpha") as tx:
        await tx.db.execute("UPDATE models_artefact SET artefact = substr(artefact, 1, 40)")
    with pytest.raises(InvalidInput, match="corrupt"):
        await run.score(ctx, ["toy"])
    toy.TOY.version = "2"
    with pytest.raises(InvalidInput, match="corrupt"):
        await run.score(ctx, ["toy"])
    await run.train(ctx, ["toy"])
    toy.TOY.version = "3"
    with pytest.raises(InvalidInput, match="version 2, and this is `toy` version 3"):
        await run.score(ctx, ["toy"])


async def test_what_the_model_does_not_declare_is_not_written(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(core)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["toy"])
    monkeypatch.setattr(toy.TOY, "traits", {"toy.again": ""}, raising=False)
    with pytest.raises(InvalidInput, match="scored toy"):
        await run.score(ctx, ["toy"])
    assert await traits(core) == {}


async def test_other_tenants_and_models(core: Core) -> None:
    ctx = await core.detached("bravo")
    assert run.chosen(ctx) == []
    with pytest.raises(NotFound, match="has no model toy"):
        await run.train(ctx, ["toy"])
    jobs = regular_jobs(core.board, frozenset())
    assert not jobs
    assert {"kernel.models", "kernel.models_fresh"} < set(
        regular_jobs(core.board, frozenset({"toy"}))
    )


async def test_history_of_some_is_a_part_of_the_whole(core: Core) -> None:
    ids = await fill(core)
    async with core.tenant_scope("alpha") as ctx:
        needs = ("lines", "products", "mails")
        whole = await history.read_history(ctx, ctx.now, needs)  # type: ignore[arg-type]
        some = await history.read_history(ctx, ctx.now, needs, ids[:3])  # type: ignore[arg-type]
        await rights.erase_customer(ctx, ids[0])
        after = await history.read_history(ctx, ctx.now, needs)  # type: ignore[arg-type]
    assert whole.timezone == "Europe/Berlin" and whole.currency == "EUR"
    assert whole.orders["customer_id"].n_unique() == 12 and whole.orders["lines"].sum() > 0
    some_ids = whole.orders.filter(whole.orders["customer_id"].is_in(ids[:3]))
    assert_frame_equal(some.orders, some_ids)
    assert ids[0] not in after.orders["customer_id"].to_list()
    assert after.lines.height == whole.lines.height and after.lines["customer_id"].null_count()


async def test_recommendations_come_from_an_enabled_plugin(alpha: TenantScope) -> None:
    found = await cards.recommend(alpha, [3, 4], "new", 1)
    assert found[4][0].sku == "7"
