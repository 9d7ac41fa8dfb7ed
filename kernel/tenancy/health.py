"""The health board: which plugin failed at what, how often and when last."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from kernel.contracts.errors import Unavailable
from kernel.plugboard.parts import Failure
from kernel.tenancy.repository import Page, TenantRepository
from kernel.tenancy.tables import TenancyHealth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from piccolo.custom_types import Combinable

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core

log = structlog.get_logger(__name__)

KEPT = 1000
"""Different (tenant, plugin, what) held between two flushes; what is beyond is logged, not kept."""
FLUSH_SECONDS = 5.0

_UPSERT = """
INSERT INTO tenancy_health AS h (tenant_id, plugin, what, error, times)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
ON CONFLICT (tenant_id, plugin, what)
DO UPDATE SET error = excluded.error, times = h.times + excluded.times, last_at = now()
"""
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_DETAIL = re.compile(r"\s*DETAIL:.*", re.DOTALL)  # where PostgreSQL quotes the row
_PHRASE = re.compile(r"\"(?![\w.]+\")[^\"]*\"|'(?![\w.]+')[^']*'")  # a value, not a name


def without_people(text: str) -> str:
    """`text` without what may be a person's: addresses, quoted values, the rows of Postgres."""
    return _PHRASE.sub("…", _EMAIL.sub("…", _DETAIL.sub("", text)))


class Health:
    """The failures of this process that wait to be written; `report` goes to the plugboard."""

    def __init__(self, pass_on: Callable[[Failure], None] | None = None) -> None:
        self._pass_on = pass_on
        self._waiting: dict[tuple[str, str, str], tuple[str, int]] = {}

    def report(self, failure: Failure) -> None:
        """Note one failure; never waits, never raises."""
        if self._pass_on is not None:
            self._pass_on(failure)
        key = (failure.tenant, failure.plugin, failure.what)
        if key in self._waiting or len(self._waiting) < KEPT:
            times = self._waiting.get(key, ("", 0))[1]
            self._waiting[key] = (without_people(failure.text), times + 1)

    async def flush(self, core: Core) -> int:
        """Write what waits; returns how many rows. What cannot be written waits on."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return 0
        rows = [(*key, *value) for key, value in sorted(waiting.items())]
        try:
            async with core.system_scope("health board") as unit:
                await unit.execute(_UPSERT, *map(list, zip(*rows, strict=True)))
        except BaseException:
            for key, (error, times) in waiting.items():
                newer, more = self._waiting.get(key, (error, 0))
                self._waiting[key] = (newer, times + more)
            raise
        return len(rows)


@asynccontextmanager
async def watching(core: Core) -> AsyncIterator[Health]:
    """For the length of the block, failures of plugins are written every few seconds and at its end."""
    before = core.board.report
    health = Health(pass_on=before)
    core.board.report = health.report
    task = asyncio.create_task(_keep(core, health))
    try:
        yield health
    finally:
        core.board.report = before
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await _try(core, health)


async def _keep(core: Core, health: Health) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await _try(core, health)


async def _try(core: Core, health: Health) -> None:
    try:
        await health.flush(core)
    except Exception as error:  # noqa: BLE001 - the board must not stop what it looks at
        log.warning("health board not written", error=type(error).__name__)


def tell(ctx: Context, plugin: str, what: str, sentence: str) -> None:
    """Put a sentence on the tenant's board that is no error, and that somebody should read."""
    failure = Failure(ctx.tenant.id, plugin, what, Unavailable(sentence))
    ctx.core.board.report(failure)  # type: ignore[attr-defined]


async def page(ctx: Context, after: str = "", limit: int = 50) -> Page:
    """What fails for the tenant, newest first: plugin, what, error, times, first_at, last_at."""
    rows = TenantRepository(TenancyHealth, ctx)
    order = (TenancyHealth.last_at, TenancyHealth.plugin)
    return await rows.page(order, after, limit, descending=True)


async def stands(ctx: Context, failure: Failure) -> bool:
    """Whether the tenant's board says just this already."""
    sql = """SELECT true FROM tenancy_health
             WHERE tenant_id = $1 AND plugin = $2 AND what = $3 AND error = $4"""
    said = without_people(failure.text)
    return bool(await ctx.db.fetchval(sql, failure.tenant, failure.plugin, failure.what, said))


async def clear(ctx: Context, plugin: str = "", what: str = "") -> int:
    """Take lines off the tenant's board (all, or a plugin's, or one thing's); returns how many."""
    where: Combinable | None = None
    if plugin:
        where = TenancyHealth.plugin == plugin
        if what:
            where = where & (TenancyHealth.what == what)
    return await TenantRepository(TenancyHealth, ctx).delete(where)
