"""The preference centre: what a customer may choose, and saving it in the caller's transaction.

Nothing of the page is a statement by itself: only what differs from what the page showed is one. So
nobody becomes subscribed, or agrees to be tracked, by saving boxes that were ticked already.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import UUID

from kernel.sdk import (
    Forbidden,
    Frozen,
    Suppressed,
    set_consent,
    set_tracking_consent,
    suppress,
    suppressed,
    unsuppress,
    verify,
)
from plugins.compliance import unsubscribe
from plugins.compliance.consent import LIFTED_BY_CONSENT
from plugins.compliance.footer import PREFERENCES
from plugins.compliance.laws import law_of

if TYPE_CHECKING:
    from kernel.sdk import Context

TOPICS = ("news", "offers", "recommendations")
SOURCE = "preference centre"
WORDING = "preferences-1"
"""Name of the words of the page; the language is put behind it. Count up when they change."""
MOST_FIELDS = 20


class Choices(Frozen):
    """What holds for the reader of a message today. `email` is None once the profile was erased."""

    message_id: UUID
    customer_id: int
    email: str | None
    locale: str
    consent: str
    consent_at: datetime | None
    tracking: bool
    tracking_at: datetime | None
    off: frozenset[str]
    """Topics that are left alone, whatever else holds."""
    stopped: bool
    """Nothing is sent, since the person said so."""
    blocked: bool
    """Nothing is sent for another reason (a complaint, mail that came back), which only the shop lifts."""

    @property
    def on(self) -> tuple[str, ...]:
        """The topics that are sent."""
        if self.stopped or self.blocked:
            return ()
        return tuple(topic for topic in TOPICS if topic not in self.off)


class Wanted(Frozen):
    """What the form says."""

    topics: frozenset[str]
    tracking: bool | None
    """None: not asked."""


async def choices(ctx: Context, token: str) -> Choices | None:
    """What the owner of this link has chosen; None when it is not one of ours."""
    try:
        value = verify(ctx, PREFERENCES, token)
    except Forbidden:
        return None
    return await _load(ctx, UUID(bytes=value)) if len(value) == 16 else None


def read(body: bytes) -> Wanted | None:
    """The form as a browser sends it; None for anything else, which must change nothing.

    A form without ticks is short but still names its button: an empty body is no wish.
    """
    try:
        pairs = dict(
            parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        return None
    if pairs.get("do") == "nothing":
        return Wanted(topics=frozenset(), tracking=None)
    if pairs.get("do") != "save":
        return None
    ticked = {topic for topic in TOPICS if pairs.get(topic) == "on"}
    return Wanted(topics=frozenset(ticked), tracking=pairs.get("tracking") == "on")


async def save(ctx: Context, found: Choices, wanted: Wanted, language: str) -> Choices:
    """What holds after it. Safe to repeat; whoever saves for the same customer meanwhile waits.

    Args:
        ctx: the tenant.
        found: whose choices they are; what holds is read again.
        wanted: the form.
        language: in which the page was shown, for the name of the wording.
    """
    await unsubscribe.alone(ctx, found.customer_id)
    now = await _load(ctx, found.message_id) or found
    if now.email is None:
        return now
    if wanted.topics:
        if now.stopped and not now.blocked:
            await _begin_again(ctx, now, language)
        if not now.blocked:
            await _topics(ctx, now, wanted.topics)
    else:
        await unsubscribe.unsubscribe(ctx, now.message_id, now.customer_id)
    if wanted.tracking not in (None, now.tracking):
        await _track(ctx, now, bool(wanted.tracking), language)
    return await _load(ctx, now.message_id) or now


async def _topics(ctx: Context, now: Choices, wanted: frozenset[str]) -> None:
    assert now.email is not None
    for topic in TOPICS:
        if topic in wanted and topic in now.off:
            await unsuppress(ctx, now.email, topic=topic)
        elif topic not in wanted and topic not in now.off:
            await suppress(ctx, now.email, "unsubscribed", now.message_id, topic=topic)


async def _begin_again(ctx: Context, now: Choices, language: str) -> None:
    """The boxes were empty and the person ticked one: that is a consent, with its evidence."""
    assert now.email is not None
    await unsuppress(ctx, now.email)
    await set_consent(
        ctx,
        now.customer_id,
        "subscribed",
        SOURCE,
        after(ctx, now.consent_at),
        wording=f"{WORDING}-{language}",
        evidence={"message_id": str(now.message_id)},
    )


async def _track(ctx: Context, now: Choices, agreed: bool, language: str) -> None:
    state = "granted" if agreed else "denied"
    await set_tracking_consent(
        ctx,
        [(now.customer_id, state, SOURCE, after(ctx, now.tracking_at))],  # type: ignore[list-item]
        wording=f"{WORDING}-{language}",
        evidence={now.customer_id: {"message_id": str(now.message_id)}},
    )


def after(ctx: Context, known: datetime | None) -> datetime:
    """Now, or just after what is on record: an import may have dated a consent in the future, and a
    shop's clock may stand still.
    """
    return ctx.now if known is None else max(ctx.now, known + timedelta(microseconds=1))


async def _load(ctx: Context, message_id: UUID) -> Choices | None:
    row: Any = await ctx.db.fetchrow(
        """SELECT m.id AS message_id, c.id AS customer_id, c.email, c.locale, c.country,
                  c.email_consent AS consent, c.consent_at, c.consent_source,
                  c.tracking_consent, c.tracking_at
           FROM pipeline_message m
           JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
           WHERE m.tenant_id = $1 AND m.id = $2""",
        ctx.tenant.id,
        message_id,
    )
    if row is None:
        return None
    found = await suppressed(ctx, [row["email"]], ignore_unreadable=True)
    listed = found.get(row["email"] or "", [])
    whole = next((entry for entry in listed if not entry.topic), None)
    if whole is not None and _lifted(row, whole):
        whole = None
    tracking = row["tracking_consent"]
    return Choices(
        message_id=row["message_id"],
        customer_id=row["customer_id"],
        email=row["email"],
        locale=row["locale"],
        consent=row["consent"],
        consent_at=row["consent_at"],
        tracking=tracking == "granted"
        or (tracking == "unknown" and law_of(row["country"]).tracking == "opt_out"),
        tracking_at=row["tracking_at"],
        off=frozenset(entry.topic for entry in listed if entry.topic),
        stopped=row["consent"] == "unsubscribed" or whole is not None,
        blocked=whole is not None and whole.reason not in LIFTED_BY_CONSENT,
    )


def _lifted(row: Any, whole: Suppressed) -> bool:
    return (
        whole.reason in LIFTED_BY_CONSENT
        and row["consent"] == "subscribed"
        and bool(row["consent_source"].strip())
        and row["consent_at"] is not None
        and row["consent_at"] > whole.at
    )
