"""One verdict per message: consent and suppression always, the finished mail at hand-over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import suppressed
from plugins.compliance import catalogue, closing, confirm, mail
from plugins.compliance.consent import ALLOWED, judge, no
from plugins.compliance.facts import facts_of
from plugins.compliance.frame import shop_of
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing, Verdict


async def verdicts(ctx: Context, stage: str, batch: Sequence[Outgoing]) -> list[Verdict]:
    """One verdict per message, in their order. A fixed number of queries, whatever the size of the batch."""
    if not ctx.tenant.postal_address.strip():
        denied = no("postal_address", "The shop has no postal address, which every mail must show.")
        return [denied] * len(batch)
    rules = ctx.settings(ComplianceSettings)
    emails = [message.recipient.email for message in batch]
    listed = await suppressed(ctx, emails, rules.ignore_unreadable)
    found = [
        # Double opt-in: who is pending gets the one mail that asks them to confirm.
        confirm.judge(message.recipient, listed.get(message.recipient.email or "", ()))
        if message.transactional and message.campaign_type == confirm.CONFIRM.name
        else judge(rules, message, listed.get(message.recipient.email or "", ()), ctx.now)
        for message in batch
    ]
    if (since := confirm.since(ctx)) is not None:
        found = [
            confirm.fresh(ctx, message.recipient, since) or verdict
            if verdict is ALLOWED and not message.transactional
            else verdict
            for message, verdict in zip(batch, found, strict=True)
        ]
    return found if stage == "plan" else await _mails(ctx, batch, found)


async def _mails(
    ctx: Context, batch: Sequence[Outgoing], found: Sequence[Verdict]
) -> list[Verdict]:
    """The finished mails of those who may be written to. The catalogue is asked where one names a price that no
    slot holds, and earlier mails where one says that its offer is about to end.
    """
    shop, facts = shop_of(ctx), facts_of(ctx)
    seen = [
        mail.judge(ctx, message, shop, facts) if verdict is ALLOWED else verdict
        for message, verdict in zip(batch, found, strict=True)
    ]
    if facts.asked:
        names = {name for text in facts.asked for name in catalogue.grams(text, 1)}
        facts.products = await catalogue.find(ctx, names)
        seen = [
            mail.judge(ctx, message, shop, facts)
            if first is ALLOWED and last is not ALLOWED
            else last
            for message, first, last in zip(batch, found, seen, strict=True)
        ]
    return await closing.judge(ctx, batch, seen, facts)
