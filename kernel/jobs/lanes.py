"""The lanes: the kinds of work a tenant can have, and one turn on one of them."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from kernel.events.deliver import deliver
from kernel.events.relay import relay
from kernel.events.turn import Turn, sentence
from kernel.jobs.schedule import plan
from kernel.jobs.tasks import run_tasks
from kernel.pipeline import run as pipeline
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from kernel.jobs.locks import LaneLocks
    from kernel.tenancy.core import Core

log = structlog.get_logger(__name__)

TURN_SECONDS = 1.0
"""After so long, a tenant's lane goes to the back of the queue. A piece of work is not broken off."""
_LONGEST_PAUSE = 60.0


Lane = Callable[["Core", str, Turn], Awaitable[bool]]
"""What a turn does for a tenant; True when there is more to do."""


async def _advance(core: Core, tenant_id: str, turn: Turn) -> bool:
    return await pipeline.advance(core, tenant_id, turn.left)


LANES: dict[str, Lane] = {
    "kernel.relay": relay,
    "kernel.deliver": deliver,
    "kernel.scheduled": plan,
    "kernel.task": functools.partial(run_tasks, long=False),
    "kernel.long": functools.partial(run_tasks, long=True),
    "kernel.advance": _advance,
}


class Runner:
    """Gives turns, at most one for a tenant and lane at a time.

    Args:
        core: opens the scopes.
        locks: keep other processes away.
        stopping: says that no new piece of work may be begun.
    """

    def __init__(
        self, core: Core, locks: LaneLocks, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.core = core
        self._locks = locks
        self._stopping = stopping
        self._paused: dict[tuple[str, str], tuple[float, float]] = {}

    async def turn(self, name: str, tenant_id: str) -> bool:
        """One turn; True when there is more to do. What goes wrong in it is told, and the lane of
        this tenant rests for a while, longer each time.
        """
        rest, until = self._paused.get((name, tenant_id), (0.5, 0.0))
        if self._stopping() or time.monotonic() < until:
            return False
        try:
            more = await self.turn_or_raise(name, tenant_id)
        except Exception as error:  # noqa: BLE001 - one tenant's trouble must not be everyone's
            rest = min(rest * 2, _LONGEST_PAUSE)
            self._paused[name, tenant_id] = (rest, time.monotonic() + rest)
            log.error("turn failed", lane=name, failed_tenant=tenant_id, error=sentence(error))
            self.core.board.report(Failure(tenant_id, "kernel", name, error))
            return False
        self._paused.pop((name, tenant_id), None)
        return more

    async def turn_or_raise(self, name: str, tenant_id: str) -> bool:
        """One turn, its errors passed on."""
        with structlog.contextvars.bound_contextvars(lane=name, tenant=tenant_id):
            async with self._locks.hold(name, tenant_id) as ours:
                if not ours:
                    return False
                return await LANES[name](self.core, tenant_id, Turn(TURN_SECONDS, self._stopping))
