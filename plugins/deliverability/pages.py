"""What the page and the panel show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel, charts, job_waits, sender_statistics
from plugins.deliverability import checks, gate, health, jobs, repo
from plugins.deliverability.manifest import DeliverabilitySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernel.sdk import Context, SenderDay

PATH = "/app/x/deliverability/"
DAYS = 30
TITLES = {
    "spf": ("SPF", "which servers may send for the domain"),
    "dmarc": ("DMARC", "what becomes of mail that others send in your name"),
    "alignment": ("Alignment", "whether SPF and DKIM speak for the address that customers see"),
    "mx": ("Replies", "whether answers of customers arrive"),
    "link": ("Links", "whether links in mails lead here"),
}
STATES = {"ok": "good", "warn": "could be better", "bad": "wrong", "unknown": "not known"}
MARKS = {"ok": "is-done", "warn": "is-waiting", "bad": "is-failed", "unknown": ""}
HEALTH = {
    "none": ("no mail", ""),
    "few": ("too few to tell", ""),
    "ok": ("good", "is-done"),
    "warn": ("watch", "is-waiting"),
    "stop": ("too high", "is-failed"),
}


def title(what: str) -> tuple[str, str]:
    """A check's name, and what it is about in half a sentence."""
    if what.startswith("dkim:"):
        return f"DKIM {what[5:]}", "the key that signs every mail"
    return TITLES.get(what, (what, ""))


async def overview(ctx: Context) -> dict[str, Any]:
    """All of the page."""
    settings = ctx.settings(DeliverabilitySettings)
    found = await repo.checks(ctx)
    rates = await health.rates(ctx)
    days = await sender_statistics(ctx, ctx.now - timedelta(days=DAYS))
    about = checks.asked(ctx)
    return {
        "f": Formats(ctx),
        "path": PATH,
        "about": about,
        "checks": [(one, *title(one.what)) for one in found],
        "states": STATES,
        "marks": MARKS,
        "checking": await job_waits(ctx, jobs.CHECK, jobs.ASKED),
        "checked_at": min((one.checked_at for one in found), default=None),
        "stale": bool(found) and not any(one.subject == about.sender for one in found),
        "stopped": await gate.unproved(ctx) if found else "",
        "sends": await jobs.sends(ctx),
        "required": settings.require_authentication,
        "rates": [
            (one, health.NAMES[name], health.judge(settings, one)) for name, one in rates.items()
        ],
        "health": HEALTH,
        "paused": await repo.paused(ctx),
        "past": await repo.past(ctx),
        "names": health.NAMES,
        "charts": _charts(days),
        "settings": settings,
        "days": DAYS,
    }


def _charts(days: Sequence[SenderDay]) -> list[Any]:
    """Mails, hard bounces and complaints by day and provider; empty where nothing was accepted."""
    if not days:
        return []
    dates = sorted({one.day for one in days})
    names = [name for name in health.MAILBOXES if any(one.mailbox == name for one in days)]
    by = {(one.mailbox, one.day): one for one in days}
    labels = [day.strftime("%d %b") for day in dates]

    def series(value: Callable[[SenderDay], float]) -> dict[str, list[float | None]]:
        return {
            health.NAMES[name]: [
                value(by[name, day]) if (name, day) in by else None for day in dates
            ]
            for name in names
        }

    return [
        charts.bars("Mails accepted, by day", labels, series(lambda d: d.accepted), stacked=True),
        charts.lines(
            "Hard bounces, by day",
            labels,
            series(lambda d: round(100 * d.bounces / d.accepted, 2)),
            unit="%",
        ),
        charts.lines(
            "Complaints, by day",
            labels,
            series(lambda d: round(100 * d.complaints / d.accepted, 3)),
            unit="%",
        ),
    ]


async def home(ctx: Context, _: object) -> dict[str, Any] | None:
    """What is wrong; left out where nothing is."""
    settings = ctx.settings(DeliverabilitySettings)
    troubles = [("", one.reason) for one in await repo.paused(ctx)]
    if await jobs.sends(ctx):
        troubles += [
            (title(one.what)[0], one.words) for one in await repo.checks(ctx) if one.state == "bad"
        ]
        troubles += [
            ("", verdict.reason)
            for one in (await health.rates(ctx)).values()
            if (verdict := health.judge(settings, one)).state == "warn"
        ]
    return {"troubles": troubles, "path": PATH} if troubles else None


HOME = Panel(
    name="home",
    title="Mail that may not arrive",
    place="home",
    template="deliverability/home.html",
    data=home,
    order=5,
)
