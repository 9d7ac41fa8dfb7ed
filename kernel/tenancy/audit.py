"""Who changed what, for ever: the database lets nobody change or remove a line.

What services know to be of weight they record themselves (`plugin.enabled`, `tenant.halted`). Beside
that, each thing a person changes by a page of the admin (`page.posted`) or by a command (`command.run`)
has a line, whoever wrote the page or the command: see kernel/web/walls.py and tenancy/core.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.tenancy.repository import Page, TenantRepository
from kernel.tenancy.tables import TenancyAudit

if TYPE_CHECKING:
    from kernel.contracts.context import Context


async def record(ctx: Context, action: str, subject: str = "", **detail: Any) -> None:
    """Add a line to the tenant's audit trail, in this transaction, under the scope's actor.

    Args:
        ctx: the tenant.
        action: what was done, e.g. `plugin.enabled`.
        subject: to what, e.g. the plugin's name. Never a person's name or address: use ids.
        detail: plain data; no secrets, no personal data.
    """
    row = {"actor": ctx.actor, "action": action, "subject": subject, "detail": detail}
    await TenantRepository(TenancyAudit, ctx).insert(row)


async def page(ctx: Context, after: str = "", limit: int = 50, actor: str = "") -> Page:
    """The audit trail, newest first: rows of at, actor, action, subject and detail; of one actor only,
    where one is named.
    """
    lines = TenantRepository(TenancyAudit, ctx)
    where = TenancyAudit.actor == actor if actor else None
    return await lines.page(after=after, limit=limit, where=where, descending=True)
