"""SendGrid's own suppressions, taken into ours once a day: who bounced, complained or left there.

Blocks are not among them: they are about one mail, not about the person. Where several shops share one
account without subusers, its lists are everybody's, and none of them is taken.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import kernel.sdk
from kernel.sdk import Unavailable, set_consents
from plugins.sendgrid.client import account, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context
    from plugins.sendgrid.client import Account

LISTS = {
    "bounces": "bounced",
    "spam_reports": "complained",
    "unsubscribes": "unsubscribed",
    "invalid_emails": "bounced",
}
PAGE = 500
OVERLAP = timedelta(hours=1)
"""What is asked for again: entries become visible a little after their time."""


async def suppressions(ctx: Context, payload: dict[str, Any]) -> None:
    """Take what is new on every list; where one fails, the next run goes on from where it stood.

    Raises:
        Unavailable: SendGrid did not give a list.
    """
    who = account(ctx)
    if who.problem or not who.own:
        return
    for name, reason in LISTS.items():
        async with ctx.transaction() as tx:
            since = await tx.db.fetchval(
                "SELECT until FROM sendgrid_import WHERE tenant_id = $1 AND list = $2",
                ctx.tenant.id,
                name,
            )
        start = int((since - OVERLAP).timestamp()) if since else 0
        begun = ctx.now
        offset = 0
        while entries := await _page(who, name, start, offset):
            async with ctx.transaction() as tx:
                await _take(tx, entries, reason)
            offset += len(entries)
            if len(entries) < PAGE:
                break
        async with ctx.transaction() as tx:
            await tx.db.execute(
                """INSERT INTO sendgrid_import (tenant_id, list, until) VALUES ($1, $2, $3)
                   ON CONFLICT (tenant_id, list) DO UPDATE SET until = excluded.until""",
                ctx.tenant.id,
                name,
                begun,
            )


async def listed(ctx: Context, email: str, reason: str) -> None:
    """The one place that puts an address on our list. Until the kernel keeps it, consent alone holds."""
    suppress = getattr(kernel.sdk, "suppress", None)
    if suppress is not None:
        await suppress(ctx, email, reason)


async def _page(account: Account, name: str, start: int, offset: int) -> list[tuple[str, datetime]]:
    params = {"start_time": start, "limit": PAGE, "offset": offset}
    response = await ask(account, "GET", f"/v3/suppression/{name}", params=params)
    if response.status_code != 200:
        raise Unavailable(
            f"SendGrid did not give its list of {name}: it answered {response.status_code}.",
            "The key must be allowed to read suppressions.",
        )
    return [
        (str(entry["email"]).strip().lower(), datetime.fromtimestamp(int(entry["created"]), UTC))
        for entry in response.json()
    ]


async def _take(ctx: Context, entries: Sequence[tuple[str, datetime]], reason: str) -> None:
    at = dict(sorted(entries))
    for email in at:
        await listed(ctx, email, reason)
    if reason == "bounced":
        return
    rows = await ctx.db.fetch(
        "SELECT id, email FROM profiles_customer WHERE tenant_id = $1 AND email = ANY($2::text[]) "
        "ORDER BY id",
        ctx.tenant.id,
        list(at),
    )
    if rows:
        await set_consents(
            ctx, [(row["id"], "unsubscribed", "sendgrid", at[row["email"]]) for row in rows]
        )
