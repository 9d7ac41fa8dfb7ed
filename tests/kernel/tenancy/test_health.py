"""What plugins fail at is counted, kept without people in it, and seen by its tenant alone."""

from __future__ import annotations

import dataclasses

import pytest

from kernel.plugboard.parts import Failure
from kernel.tenancy import health
from kernel.tenancy.core import Core


def failure(tenant: str, text: str, what: str = "decide", plugin: str = "rules") -> Failure:
    return Failure(tenant=tenant, plugin=plugin, what=what, error=ValueError(text))


async def board_of(core: Core, tenant: str) -> list[tuple[str, str, int]]:
    async with core.tenant_scope(tenant) as ctx:
        return [(r["plugin"], r["error"], r["times"]) for r in (await health.page(ctx)).rows]


async def test_failures_are_counted_and_each_tenant_sees_its_own(toy_core: Core) -> None:
    async with health.watching(toy_core) as watch:
        for number in range(3):
            toy_core.board.report(failure("alpha", f"try {number}"))
        toy_core.board.report(failure("", "at boot"))
        assert await watch.flush(toy_core) == 2
        assert await watch.flush(toy_core) == 0
        toy_core.board.report(failure("alpha", "try 3"))
    assert await board_of(toy_core, "alpha") == [("rules", "ValueError: try 3", 4)]
    assert await board_of(toy_core, "bravo") == []
    async with toy_core.tenant_scope("alpha") as ctx:
        assert await health.clear(ctx, "rules", "other") == 0
        assert await health.clear(ctx, "rules", "decide") == 1
    assert await board_of(toy_core, "alpha") == []
    async with toy_core.system_scope("test") as unit:
        assert await unit.fetchval("SELECT count(*) FROM tenancy_health") == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no mail to Ada.Byron+x@mail.example.com today", "no mail to … today"),
        ("a%40b.example.org", "…"),
        ('Key "x" broken DETAIL:  Key (email)=(ada@x.example) exists.', 'Key "x" broken'),
        (
            'invalid input syntax for type integer: "Ada Byron"',
            "invalid input syntax for type integer: …",
        ),
        (
            'unique constraint "profiles_customer_email"',
            'unique constraint "profiles_customer_email"',
        ),
        ("KeyError: 'churn.score'", "KeyError: 'churn.score'"),
    ],
)
def test_no_person_stands_on_the_board(said: str, kept: str) -> None:
    assert health.without_people(said) == kept


async def test_a_flood_does_not_grow_and_an_unreachable_database_loses_nothing(
    toy_core: Core,
) -> None:
    from kernel.contracts.errors import Unavailable
    from kernel.db.uow import Pool

    watch = health.Health()
    for number in range(health.KEPT + 50):
        watch.report(failure("alpha", "x", what=f"job {number}"))
    watch.report(failure("alpha", "y", what="job 1"))
    closed = dataclasses.replace(toy_core, pool=Pool("postgresql://nowhere"))
    with pytest.raises(Unavailable):
        await watch.flush(closed)
    assert await watch.flush(toy_core) == health.KEPT
    async with toy_core.system_scope("test") as unit:
        times = await unit.fetchval("SELECT times FROM tenancy_health WHERE what = 'job 1'")
    assert times == 2
