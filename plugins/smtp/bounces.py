"""Mailboxes that do not exist: told to the ledger, and not written to again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from kernel.sdk import Outcome, record_outcomes, suppress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing

log = structlog.get_logger(__name__)


async def tell(ctx: Context, bounced: Sequence[tuple[Outgoing, str]]) -> None:
    """Record the bounces and suppress the addresses, in one transaction. It never raises: an error here
    must not make the whole batch unknown, and the next mail to such an address bounces again.
    """
    if not bounced:
        return
    try:
        async with ctx.transaction() as tx:
            await record_outcomes(
                tx,
                [
                    Outcome(
                        message_id=message.id,
                        customer_id=message.customer_id,
                        kind="bounced",
                        at=ctx.now,
                        detail={"hard": 1, "reason": why},
                    )
                    for message, why in bounced
                ],
            )
            # By address: two transactions that suppress the same do not wait for each other for ever.
            for message, _ in sorted(bounced, key=lambda one: str(one[0].recipient.email)):
                await suppress(tx, str(message.recipient.email), "bounced", message.id)
    except Exception as error:  # noqa: BLE001
        log.error("smtp.bounces_not_told", tenant=ctx.tenant.id, error=type(error).__name__)
