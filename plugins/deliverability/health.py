"""How mailbox providers take the shop's mail: rates of seven days, and what they lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

import structlog

from kernel.sdk import Frozen, Mailbox, record_audit, sender_statistics, tell_health
from plugins.deliverability import repo
from plugins.deliverability.manifest import MANIFEST, DeliverabilitySettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.sdk import Context, SenderDay

log = structlog.get_logger(__name__)

WINDOW = timedelta(days=7)
CALM = timedelta(hours=24)
"""How long the figures must have been good before a pause ends by itself."""
NAMES: dict[str, str] = {
    "gmail": "Gmail",
    "yahoo": "Yahoo",
    "microsoft": "Microsoft",
    "apple": "Apple",
    "other": "Other providers",
}
MAILBOXES: tuple[Mailbox, ...] = get_args(Mailbox)


class Rates(Frozen):
    """What came of the mails that one provider accepted in the window."""

    mailbox: Mailbox
    accepted: int = 0
    delivered: int = 0
    bounces: int = 0
    complaints: int = 0

    @property
    def bounce_percent(self) -> float:
        """Of accepted."""
        return 100 * self.bounces / self.accepted if self.accepted else 0.0

    @property
    def complaint_percent(self) -> float:
        """Of accepted."""
        return 100 * self.complaints / self.accepted if self.accepted else 0.0


class Judged(Frozen):
    """What the rates mean, in a sentence where they mean trouble."""

    state: Literal["none", "few", "ok", "warn", "stop"]
    reason: str = ""


def sums(days: Iterable[SenderDay]) -> dict[Mailbox, Rates]:
    """By mailbox; all of them, also without mails."""
    found = {name: [0, 0, 0, 0] for name in MAILBOXES}
    for day in days:
        row = found[day.mailbox]
        row[0] += day.accepted
        row[1] += day.delivered
        row[2] += day.bounces
        row[3] += day.complaints
    return {
        name: Rates(mailbox=name, accepted=a, delivered=d, bounces=b, complaints=c)
        for name, (a, d, b, c) in found.items()
    }


def judge(settings: DeliverabilitySettings, rates: Rates) -> Judged:
    """One complaint of a small shop is no rate: so many mails and so many events must there be."""
    if not rates.accepted:
        return Judged(state="none")
    if rates.accepted < settings.fewest_mails:
        return Judged(state="few")
    name = NAMES[rates.mailbox]
    worst = Judged(state="ok")
    for events, percent, warn, stop, who, what in (
        (
            rates.complaints,
            rates.complaint_percent,
            settings.complaints_warn,
            settings.complaints_stop,
            "recipients",
            "called the mail spam",
        ),
        (
            rates.bounces,
            rates.bounce_percent,
            settings.bounces_warn,
            settings.bounces_stop,
            "addresses",
            "do not exist",
        ),
    ):
        if events < settings.fewest_events or percent < warn:
            continue
        said = (
            f"{name}: {events} of {rates.accepted:,} {who} {what} in seven days ({percent:.2f} %; "
            f"{f'{stop:g} % is too much' if percent >= stop else f'from {stop:g} % on mail is paused'})."
        )
        if percent >= stop:
            return Judged(state="stop", reason=said)
        if worst.state == "ok":
            worst = Judged(state="warn", reason=said)
    return worst


async def rates(ctx: Context) -> dict[Mailbox, Rates]:
    """Of the last seven days; where a person lifted a pause, of the mails accepted since."""
    since = ctx.now - WINDOW
    found = sums(await sender_statistics(ctx, since))
    for mailbox, at in (await repo.by_hand_since(ctx, since)).items():
        later = sums(await sender_statistics(ctx, at))
        found = {name: later[name] if name == mailbox else one for name, one in found.items()}
    return found


async def watch(ctx: Context) -> None:
    """Pause where the rates are too high, and end pauses of which the figures were good for a day."""
    settings = ctx.settings(DeliverabilitySettings)
    standing = {one.mailbox: one for one in await repo.paused(ctx)}
    for mailbox, one in (await rates(ctx)).items():
        verdict, pause = judge(settings, one), standing.get(mailbox)
        if pause is None:
            if verdict.state == "stop":
                await _pause(ctx, mailbox, verdict.reason)
        elif verdict.state in ("warn", "stop"):
            if pause.calm_since:
                await repo.calm(ctx, mailbox, None)
        elif pause.calm_since is None:
            await repo.calm(ctx, mailbox, ctx.now)
        elif pause.calm_since <= ctx.now - CALM:
            await _lift(ctx, mailbox, "The figures were good for a day.", by_hand=False)


async def _pause(ctx: Context, mailbox: Mailbox, why: str) -> None:
    reason = (
        f"Mail to {'other providers' if mailbox == 'other' else NAMES[mailbox]} is paused. {why} Going on "
        "would harm every later mail. It goes on by itself once the figures are good again."
    )
    if await repo.pause(ctx, mailbox, reason):
        await record_audit(ctx, "deliverability.paused", mailbox, reason=why)
        tell_health(ctx, MANIFEST.name, f"mail to {mailbox}", reason)
        log.warning("mailbox paused", mailbox=mailbox)


async def lift(ctx: Context, mailbox: str, reason: str) -> bool:
    """A person ends a pause: mails accepted until now no longer count. False when there is none."""
    return await _lift(ctx, mailbox, reason, by_hand=True)


async def _lift(ctx: Context, mailbox: str, reason: str, by_hand: bool) -> bool:
    done = await repo.lift(ctx, mailbox, reason, by_hand)
    if done:
        await record_audit(ctx, "deliverability.lifted", mailbox, reason=reason)
    return done
