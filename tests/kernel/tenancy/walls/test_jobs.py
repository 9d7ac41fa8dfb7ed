"""All jobs, subscriptions and panels, as somebody else with alpha's ids: alpha is not touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from kernel.contracts.errors import KernelError
from kernel.events.turn import Turn
from kernel.jobs.kernel_jobs import KERNEL_JOBS
from kernel.jobs.tasks import run_tasks
from kernel.tenancy.core import Core

SECRET = "quokkaspoon"
ALPHA = "0199a1fa-0000-7000-8000-000000990001"
NUMBER = 990_001
PAYLOADS: tuple[dict[str, Any], ...] = (
    {},
    {
        "campaign_id": ALPHA,
        "message_id": ALPHA,
        "message_ids": [ALPHA],
        "decision_id": ALPHA,
        "customer_id": NUMBER,
        "customer_ids": [NUMBER],
        "customers": [NUMBER],
        "id": NUMBER,
        "ids": [NUMBER],
        "order_id": NUMBER,
        "event_id": NUMBER,
        "tenant": "alpha",
        "tenant_id": "alpha",
        "key": SECRET,
        "name": SECRET,
    },
)


async def attempt(work: Callable[[], Awaitable[Any]], *, must: bool = False) -> Any:
    """What `work` answers. Refusals are fine where alpha's ids were given, never a half-done thing."""
    try:
        return await work()
    except (KernelError, KeyError, ValueError, asyncpg.PostgresError):
        if must:
            raise
    return None


async def nothing_of_alpha(walls: Any, tenant: str) -> None:
    for table, rows in (await walls.rows(tenant)).items():
        if table not in {"jobs_task", "tenancy_tenant"}:  # the payload was ours; the copy of a name
            assert SECRET not in "".join(rows), table


async def test_jobs_of_switched_off_plugins_are_skipped_for_bravo(core: Core, walls: Any) -> None:
    async with core.tenant_scope("bravo") as ctx:
        for name, owned in core.board.jobs.items():
            await ctx.db.execute(
                "INSERT INTO jobs_task (tenant_id, job, long, payload) VALUES ('bravo', $1, $2, '{}')",
                name,
                owned.value.long,
            )
    for long in (False, True):
        await run_tasks(core, "bravo", Turn(seconds=30), long=long)
    async with core.tenant_scope("bravo") as ctx:
        rows = await ctx.db.fetch("SELECT job, state FROM jobs_task")
        states = {row["job"]: row["state"] for row in rows}
        expected = {
            name: "done" if owned.plugin in ctx.enabled else "skipped"
            for name, owned in core.board.jobs.items()
        }
        assert states == expected
        await ctx.db.execute("DELETE FROM jobs_task")


@pytest.mark.parametrize("payload", PAYLOADS, ids=["regular", "with alpha's ids"])
async def test_every_job_leaves_alpha_alone(
    core: Core, walls: Any, payload: dict[str, Any]
) -> None:
    """As charlie, who has every plugin: here it is the walls that hold, not the switches."""
    every = {**KERNEL_JOBS, **core.board.jobs}
    assert len(every) > len(KERNEL_JOBS)
    for owned in every.values():
        job = owned.value
        regular = bool(job.every or job.daily_at) and not payload

        async def work(job: Any = job) -> None:
            if job.transaction:
                async with core.tenant_scope("charlie", actor="job") as ctx:
                    await job.run(ctx, dict(payload))
            else:
                await job.run(await core.detached("charlie"), dict(payload))

        await attempt(work, must=regular)
    await nothing_of_alpha(walls, "charlie")


async def test_every_subscription_leaves_alpha_alone(core: Core, walls: Any) -> None:
    """Events of charlie's that name alpha's customers and messages: forged, or a plugin's mistake."""
    handled = 0
    for owned in core.board.subscriptions.values():
        event = await _event(core, owned.value.event)

        async def work(handle: Any = owned.value.handle, event: Any = event) -> None:
            async with core.tenant_scope("charlie") as ctx:
                await handle(ctx, [event])

        await attempt(work)
        handled += 1
    assert handled == len(core.board.subscriptions) > 0
    await nothing_of_alpha(walls, "charlie")


async def test_every_panel_shows_nothing_of_alpha(core: Core, walls: Any) -> None:
    some, uuid = SimpleNamespace, UUID(ALPHA)
    subjects = {
        "home": None,
        "customer": some(id=NUMBER, customer_id=NUMBER, email=SECRET),
        "campaign": some(id=uuid, campaign_id=uuid),
        "message": some(id=uuid, message_id=uuid, campaign_id=uuid, customer_id=NUMBER),
    }
    for owned in core.board.panels.values():
        panel = owned.value

        async def work(panel: Any = panel) -> Any:
            async with core.tenant_scope("charlie") as ctx:
                return await panel.data(ctx, subjects[panel.place])

        told = await attempt(work)
        assert SECRET not in repr(told), f"{owned.plugin}.{panel.name}"


async def _event(core: Core, kind: type[Any]) -> Any:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if not field.required:
            continue
        name = field.name
        if name.endswith("_ids"):
            values[name] = [NUMBER] if name.startswith("customer") else [ALPHA]
        elif name.endswith("_id"):
            values[name] = ALPHA if name in {"campaign_id", "message_id"} else NUMBER
        else:
            values[name] = {"occurred_at": core.clock.now(), "amount": 1, "written": 1}.get(
                name, "x"
            )
    return msgspec.convert(values, kind, strict=False)
