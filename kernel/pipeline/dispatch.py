"""Claim, re-check consent, hand over, record. At most once: see `ledger` for why."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from kernel.contracts.decisions import Verdict
from kernel.contracts.delivery import Outgoing, Receipt
from kernel.pipeline import comply, compose, features, ledger, variants
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.delivery import Channel
    from kernel.tenancy.scope import TenantScope

log = structlog.get_logger(__name__)

BATCH = 500
"""Messages a hand-over: what one transaction locks, and what one lost answer makes unknown."""
RETRY = timedelta(minutes=5)
TIMEOUT = 60.0
"""Seconds a channel may take for a batch; must stay well under the lease."""


async def send_batch(
    scope: TenantScope, campaign: Campaign, channel: Channel, state: str, after: int, lease: float
) -> int:
    """Hand over the next messages due in `state`, of customers after `after`.

    Returns the last customer looked at, from where to go on; 0 when nothing more is due.
    """
    async with scope.transaction() as ctx:
        rows, last = await ledger.claim(ctx, campaign.id, state, after, BATCH)
        ready = await prepare(ctx, campaign, rows) if rows else []
        if ready:
            await ledger.attempt(ctx, ready, lease)
    if ready:
        receipts = await hand_over(scope, channel, ready)
        async with scope.transaction() as ctx:
            await ledger.settle(ctx, campaign, receipts, ("attempting",), ctx.now + RETRY)
    return last


async def prepare(ctx: TenantScope, campaign: Campaign, rows: Sequence[Any]) -> list[Outgoing]:
    """The claimed messages that may go, rendered; the others are moved to where they are counted."""
    variant = {row["message_id"]: row["variant"] for row in rows}
    known = [
        features.Row(message_id=r["message_id"], customer_id=r["customer_id"], step=r["step"])
        for r in rows
    ]
    messages = [message for message, _ in await features.outgoing(ctx, campaign, known)]
    copies = await variants.copies(ctx, campaign.id)
    languages = await variants.languages(ctx, campaign.id)
    made = await compose.render(ctx, copies, [(m, variant[m.id]) for m in messages], languages)
    await ledger.forget(ctx, set(variant) - {message.id for message in messages})
    # A mail that cannot be made is our fault, not the customer's: it is tried again, and reported.
    unmade = {
        message.id: Verdict(
            outcome="deferred", rule="compose", reason=problem, until=ctx.now + comply.RETRY
        )
        for message, problem in zip(messages, made, strict=True)
        if isinstance(problem, str)
    }
    if unmade:
        _report(ctx, "kernel", "compose", RuntimeError(next(iter(unmade.values())).reason))
    rendered = [message for message in made if isinstance(message, Outgoing)]
    verdicts = await comply.judge(ctx, "handover", rendered)
    denied = {key: verdict for key, verdict in verdicts.items() if verdict.outcome != "allowed"}
    await ledger.deny(ctx, unmade | denied)
    return [message for message in rendered if verdicts[message.id].outcome == "allowed"]


async def hand_over(
    scope: TenantScope, channel: Channel, batch: Sequence[Outgoing]
) -> list[Receipt]:
    """One receipt for each message, whatever the channel does.

    An error, a time-out, or a missing answer is `unknown`: the message may have gone out.
    """
    given: dict[UUID, Receipt] = {}
    owner = scope.core.board.channels[channel.name].plugin
    problem = "The channel gave no answer for this message."
    try:
        async with asyncio.timeout(TIMEOUT):
            for receipt in await channel.send(scope, batch):
                given[receipt.message_id] = receipt
    except Exception as error:  # noqa: BLE001 - whatever a channel raises, the ledger hears of it
        problem = f"The channel failed: {type(error).__name__}."
        _report(scope, owner, f"channel {channel.name}", error)
    return [
        given.get(message.id, Receipt(message_id=message.id, state="unknown", reason=problem))
        for message in batch
    ]


async def settle_unknown(scope: TenantScope, campaign: Campaign, channel: Channel) -> int:
    """Ask the channel what became of unknown messages; returns how many are settled now."""
    async with scope.transaction() as ctx:
        ids = await ledger.unsettled(ctx, campaign.id, BATCH)
    if not ids:
        return 0
    owner = scope.core.board.channels[channel.name].plugin
    try:
        async with asyncio.timeout(TIMEOUT):
            answers = [
                msgspec.structs.replace(answer, reason=answer.reason or "settled by the channel")
                for answer in await channel.settle(scope, ids)
                if answer.state in ("accepted", "retry") and answer.message_id in set(ids)
            ]
    except Exception as error:  # noqa: BLE001 - asked again in a minute
        _report(scope, owner, f"channel {channel.name}", error)
        return 0
    async with scope.transaction() as ctx:
        return await ledger.settle(ctx, campaign, answers, ("unknown",), ctx.now)


def _report(scope: TenantScope, plugin: str, what: str, error: Exception) -> None:
    failure = Failure(tenant=scope.tenant.id, plugin=plugin, what=what, error=error)
    scope.core.board.report(failure)
