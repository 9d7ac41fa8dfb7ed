"""Claim, re-check consent, hand over, record. At most once: see `ledger` for why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from kernel.contracts.decisions import Verdict
from kernel.contracts.delivery import Outgoing, Receipt
from kernel.pipeline import allowance, comply, compose, features, frozen, ledger, variants, waves
from kernel.plugboard.parts import Failure
from kernel.tenancy.scope import TenantScope
from kernel.tenancy.switches import halt_tenant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.delivery import Channel

log = structlog.get_logger(__name__)

BATCH = 500
"""Messages a hand-over: what one transaction locks, and what one lost answer makes unknown."""
TIMEOUT = 60.0
"""Seconds a channel may take for a batch; must stay well under the lease."""
AT_ONCE = 3
"""Batches of a tenant under way at once: the next is claimed and rendered while the channel is busy."""
CHANNEL = "channel"
"""Who stops a tenant whose channel says that nothing can be sent at all."""


class HandOvers:
    """The batches of a slice that are under way, no more than AT_ONCE; the block ends when all are
    recorded.

    Only the channel and the record of its answers overlap: claims come one after another. What is broken
    off here stays `attempting` and is `unknown` when its lease ends, like anything a dead worker leaves.

    Args:
        scope: the tenant, outside a transaction.
        lease: seconds until an attempt without an answer is unknown.
    """

    def __init__(self, scope: TenantScope, lease: float) -> None:
        self._scope = scope
        self._lease = lease
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> HandOvers:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):  # broken off: so is all of it
            for task in self._tasks:
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        if kind is None:
            for error in results:
                if isinstance(error, BaseException):
                    raise error

    async def send(self, campaign: Campaign, channel: Channel, state: str, after: int) -> int:
        """Claim the next messages due in `state`, of customers after `after`, and begin to hand them over.

        Returns the last customer looked at, from where to go on; 0 when nothing more may go now.
        """
        while len(self._tasks) >= AT_ONCE:  # before the claim, whose lease runs from then on
            done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        ready, last = await claim(self._scope, campaign, channel.name, state, after, self._lease)
        if ready:
            self._tasks.add(asyncio.create_task(deliver(self._scope, campaign, channel, ready)))
        return last


async def claim(
    scope: TenantScope, campaign: Campaign, channel: str, state: str, after: int, lease: float
) -> tuple[list[Outgoing], int]:
    """The next messages that may go, rendered and committed as `attempting`; and the last customer
    looked at, 0 when nothing is due or allowed.
    """
    async with scope.transaction() as ctx:
        going = await ledger.going(ctx, campaign.id)
        allowed = await allowance.allowance(ctx, going, BATCH) if going else None
        if allowed is None or not allowed.size:
            return [], 0
        rows, last = await ledger.claim(ctx, campaign.id, state, after, allowed.size)
        ready = await prepare(ctx, campaign, channel, rows) if rows else []
        if ready:
            await ledger.attempt(ctx, ready, lease)
            await allowed.use(ctx, len(ready))
    return ready, last


async def deliver(
    scope: TenantScope, campaign: Campaign, channel: Channel, batch: Sequence[Outgoing]
) -> None:
    """Hand over what is claimed, and record what the channel answers."""
    receipts = await hand_over(scope, channel, batch)
    async with scope.transaction() as ctx:
        await ledger.settle(ctx, campaign, receipts, ("attempting",))
        if back := sum(receipt.state == "retry" for receipt in receipts):
            await waves.give_back(ctx, campaign.id, back)
        if why := next((receipt.halt for receipt in receipts if receipt.halt), ""):
            await halt_tenant(TenantScope(ctx.core, ctx.db, ctx.tenant, CHANNEL), why)


async def prepare(
    ctx: TenantScope, campaign: Campaign, channel: str, rows: Sequence[Any]
) -> list[Outgoing]:
    """The claimed messages that may go, rendered; the others are moved to where they are counted."""
    variant = {row["message_id"]: row["variant"] for row in rows}
    known = [
        features.Row(message_id=r["message_id"], customer_id=r["customer_id"], step=r["step"])
        for r in rows
    ]
    messages = [
        msgspec.structs.replace(message, variant=variant[message.id], channel=channel)
        for message, _ in await features.outgoing(ctx, campaign, known)
    ]
    await frozen.freeze(ctx, campaign.id, campaign.campaign_type, missing=True)
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
