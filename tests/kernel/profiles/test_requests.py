"""What customers ask for by law: deadlines, receipts, and what stays open until it is whole."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.errors import Conflict, NotFound
from kernel.jobs.kernel_jobs import KERNEL_JOBS
from kernel.profiles import consent_verify, requests
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock


async def test_asked_twice_is_one_request_with_one_deadline(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha)
    first = await requests.ask(alpha, one, "erase", "mail")
    again = await requests.ask(alpha, one, "erase", "phone")
    other = await requests.ask(alpha, one, "export")
    assert again == first
    assert other.id != first.id
    assert first.due_at - first.asked_at == timedelta(days=30)
    with pytest.raises(NotFound):
        await requests.ask(alpha, one + 1, "erase")
    with pytest.raises(Conflict):
        await requests.copy(alpha, first.id)


async def test_a_receipt_tells_what_was_done_and_names_nobody(core: Core) -> None:
    async with core.tenant_scope("alpha", actor="Mia") as ctx:
        [one] = await add_customers(ctx, email="ada@lovelace.example", first_name="Ada")
        copied, found = await requests.copy(ctx, (await requests.ask(ctx, one, "export")).id)
        assert copied.done_at is not None
        assert copied.receipt["rows"]["profiles_customer"] == 1
        assert found.kernel["profiles_customer"][0]["email"] == "ada@lovelace.example"
        asked = await requests.ask(ctx, one, "erase")
        done = await requests.erase(ctx, asked.id)
        assert done.done_at is not None
        assert done.receipt["failed"] == []
        assert done.receipt["rows"]["kernel"] >= 1
        assert done.receipt["by"] == "Mia"
        told = msgspec.json.encode(done.receipt).decode().lower()
        assert "ada" not in told and "lovelace" not in told
        assert (await requests.erase(ctx, asked.id)) == done  # pressed twice
    async with core.tenant_scope("alpha") as ctx:
        assert (await consent_verify.verify(ctx)).sound
        row = await ctx.db.fetchrow(
            "SELECT kind, encode(hash, 'hex') AS hash FROM profiles_consent WHERE seq = $1",
            done.receipt["ledger"]["seq"],
        )
    assert (row["kind"], row["hash"]) == ("erased", done.receipt["ledger"]["hash"])
    async with core.tenant_scope("bravo") as ctx:
        assert not await requests.page(ctx)
        with pytest.raises(NotFound):
            await requests.get(ctx, done.id)


async def test_what_a_plugin_could_not_do_is_tried_again_until_it_is(core: Core) -> None:
    job = KERNEL_JOBS["kernel.rights"].value.run
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
        asked = await requests.ask(ctx, one, "erase")
    await _rename(core, "outbox_mail", "outbox_mail_away")  # a plugin whose table cannot be reached
    try:
        async with core.tenant_scope("alpha") as ctx:
            tried = await requests.erase(ctx, asked.id)
        assert tried.done_at is None
        assert tried.receipt["failed"] == ["outbox"]
    finally:
        await _rename(core, "outbox_mail_away", "outbox_mail")
    async with core.tenant_scope("alpha") as ctx:
        await job(ctx, {})
        assert (await requests.get(ctx, asked.id)).done_at is not None
        assert not await requests.open_ones(ctx)


async def _rename(core: Core, table: str, to: str) -> None:
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute(f"ALTER TABLE {table} RENAME TO {to}")


async def test_deadlines_are_watched(core: Core, clock: TurnedClock) -> None:
    told = []
    core.board.report = told.append  # type: ignore[assignment]
    job = KERNEL_JOBS["kernel.rights"].value.run
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
        await requests.ask(ctx, one, "export")
        await job(ctx, {})
        assert not told
    clock.turn(days=24)
    async with core.tenant_scope("alpha") as ctx:
        await job(ctx, {})
    clock.turn(days=7)
    async with core.tenant_scope("alpha") as ctx:
        await job(ctx, {})
    assert [failure.text.split(". ")[0] for failure in told] == [
        "Requests of customers due within a week: 1; late: 0",
        "Requests of customers due within a week: 1; late: 1",
    ]
