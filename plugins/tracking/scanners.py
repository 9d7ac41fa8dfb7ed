"""Who followed a link: a person or a machine, and by which rule. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from kernel.sdk import Frozen
from plugins.tracking.manifest import TrackingSettings
from plugins.tracking.tokens import HONEYPOT

Agent = Literal["browser", "scanner", "proxy", "none"]
_SCANNER = re.compile(
    r"bot\b|crawl|spider|scan|preview|barracuda|proofpoint|mimecast|symantec|trend ?micro|fortinet"
    r"|sophos|cisco|messagelabs|safelinks|urldefense|headless|phantomjs|python|curl|wget|go-http"
    r"|java/|okhttp|libwww|axios|node-fetch|httpx|ms-office|existence discovery|facebookexternalhit",
    re.IGNORECASE,
)
_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy|^Mozilla/5\.0$", re.IGNORECASE)


class Hit(Frozen):
    """Somebody followed a link of one message, or loaded its image."""

    id: int
    kind: Literal["click", "open"]
    link_id: int
    at: datetime
    head: bool
    agent: Agent


class Judged(Frozen):
    """human: counts. scanner: a machine, `reason` says why. hint: an open, which counts for nothing."""

    verdict: Literal["human", "scanner", "hint"]
    reason: str = ""


def agent_of(text: str) -> Agent:
    """What a User-Agent header names; the header itself is not kept."""
    if not text.strip():
        return "none"
    if _PROXY.search(text.strip()):
        return "proxy"
    return "scanner" if _SCANNER.search(text) else "browser"


def window(settings: TrackingSettings) -> timedelta:
    """How long after a hit others can still change what it was."""
    return timedelta(seconds=max(settings.burst_seconds, settings.honeypot_seconds))


def judge(
    settings: TrackingSettings, hits: Sequence[Hit], delivered_at: datetime | None
) -> dict[int, Judged]:
    """Hit -> what it was. Depends on the set of hits only, not on their order or repetition.

    Args:
        settings: the rules' figures.
        hits: all of one message.
        delivered_at: when it reached the mailbox, as far as known.
    """
    clicks = [hit for hit in hits if hit.kind == "click"]
    traps = [hit.at for hit in clicks if hit.link_id == HONEYPOT]
    return {
        hit.id: _click(settings, hit, clicks, traps, delivered_at)
        if hit.kind == "click"
        else _open(hit)
        for hit in hits
    }


def _click(
    settings: TrackingSettings,
    hit: Hit,
    clicks: Sequence[Hit],
    traps: Sequence[datetime],
    delivered_at: datetime | None,
) -> Judged:
    near = timedelta(seconds=settings.honeypot_seconds)
    burst = timedelta(seconds=settings.burst_seconds)
    if hit.head:
        return _scanner("It asked for the headers only (HEAD).")
    if hit.agent in ("scanner", "none", "proxy"):
        return _scanner(
            "It named itself a scanner." if hit.agent == "scanner" else "It is no browser."
        )
    if any(abs(hit.at - trap) <= near for trap in traps):
        return _scanner("The invisible link of the mail was followed around that time.")
    if delivered_at and hit.at - delivered_at < timedelta(seconds=settings.machine_seconds):
        return _scanner(f"It came within {settings.machine_seconds:g} seconds of delivery.")
    if _at_once(clicks, hit, burst) >= settings.burst_links:
        return _scanner(f"Several links were followed within {settings.burst_seconds:g} seconds.")
    return Judged(verdict="human")


def _at_once(clicks: Sequence[Hit], hit: Hit, burst: timedelta) -> int:
    """The most different links in any span of `burst` that holds this hit."""
    near = [other for other in clicks if abs(other.at - hit.at) <= burst]
    starts = {other.at for other in near if other.at <= hit.at}
    spans = ({o.link_id for o in near if start <= o.at <= start + burst} for start in starts)
    return max((len(span) for span in spans), default=0)


def _open(hit: Hit) -> Judged:
    if hit.agent == "browser":
        return Judged(verdict="hint", reason="An image was loaded.")
    return Judged(verdict="hint", reason="A mail service loaded the image; nobody need have read.")


def _scanner(reason: str) -> Judged:
    return Judged(verdict="scanner", reason=reason)
