"""Unsubscribing by a link, and taking it back: all in the caller's transaction, safe to repeat."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from kernel.sdk import (
    Forbidden,
    Frozen,
    Outcome,
    record_outcomes,
    set_consent,
    sign,
    suppress,
    unsuppress,
    verify,
)
from plugins.compliance.footer import PURPOSE
from plugins.compliance.suppression import listed, may_undo

if TYPE_CHECKING:
    from kernel.sdk import Context

ConsentState = Literal["subscribed", "unsubscribed"]
UNDO = "compliance/resubscribe"
UNDO_FOR = timedelta(days=1)
SOURCE = "unsubscribe link"
UNDO_SOURCE = "asked for again on the unsubscribe page"


class Reader(Frozen):
    """Whose link it is. `email` is None once the profile was erased."""

    message_id: UUID
    customer_id: int
    email: str | None
    locale: str
    subscribed: bool
    unsubscribed: bool


async def reader(ctx: Context, token: str) -> Reader | None:
    """Whose unsubscribe link this is; None when it is not one of ours."""
    try:
        value = verify(ctx, PURPOSE, token)
    except Forbidden:
        return None
    return await _reader(ctx, value)


async def undoer(ctx: Context, token: str) -> Reader | None:
    """Who may take back an unsubscription with this token; None when forged or too old."""
    try:
        value = verify(ctx, UNDO, token)
    except Forbidden:
        return None
    if int.from_bytes(value[16:], "big") < ctx.now.timestamp():
        return None
    return await _reader(ctx, value[:16])


def undo_token(ctx: Context, message_id: UUID) -> str:
    """Allows to take back the unsubscription made through this message, for a day."""
    until = int((ctx.now + UNDO_FOR).timestamp())
    return sign(ctx, UNDO, message_id.bytes + until.to_bytes(8, "big"))


def undo_path(ctx: Context, message_id: UUID) -> str:
    """Where the page of a link (`u/TOKEN`, `p/TOKEN`) posts an `undo_token` to, as seen from there: the
    browser lets it post to no host but its own, which may be the shop's or this installation's.
    """
    return "../r/" + undo_token(ctx, message_id)


async def alone(ctx: Context, customer_id: int) -> None:
    """Whoever changes what this customer wants meanwhile waits. What is planned for them is locked
    before the profile is: dispatch locks in that order too, so that neither waits for ever.
    """
    key = f"compliance/{ctx.tenant.id}/{customer_id}"
    await ctx.db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)
    await ctx.db.execute(
        """SELECT FROM pipeline_message WHERE tenant_id = $1 AND customer_id = $2
             AND state IN ('planned', 'deferred') ORDER BY id FOR UPDATE""",
        ctx.tenant.id,
        customer_id,
    )


async def unsubscribe(ctx: Context, message_id: UUID, customer_id: int) -> bool:
    """No further mail to this person, from this commit on, but transactional ones. True when they may
    take it back.
    """
    await alone(ctx, customer_id)
    outcome = Outcome(
        message_id=message_id, customer_id=customer_id, kind="unsubscribed", at=ctx.now
    )
    await record_outcomes(ctx, [outcome])
    email, consent = await ctx.db.fetchrow(
        "SELECT email, email_consent FROM profiles_customer WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        customer_id,
    )
    if email and (
        consent != "unsubscribed" or not await listed(ctx, [email], ignore_unreadable=True)
    ):
        await suppress(ctx, email, "unsubscribed", message_id)
    if consent != "unsubscribed":
        await _consent(ctx, customer_id, "unsubscribed", SOURCE)
    return await may_undo(ctx, email, message_id)


async def unsubscribe_by_token(ctx: Context, token: str) -> bool:
    """Unsubscribe who wrote to `u+TOKEN@…`, or whose program posted to the link: the same token, for
    ever. False where it is not one of ours.
    """
    who = await reader(ctx, token.removeprefix("u+").partition("@")[0])
    if who is None:
        return False
    await unsubscribe(ctx, who.message_id, who.customer_id)
    return True


async def resubscribe(ctx: Context, who: Reader) -> bool:
    """Take the unsubscription back; False when there is none that this person may take back."""
    if not who.email or not await unsuppress(ctx, who.email, who.message_id):
        return False
    await _consent(ctx, who.customer_id, "subscribed", UNDO_SOURCE)
    return True


async def _reader(ctx: Context, message_id: bytes) -> Reader | None:
    if len(message_id) != 16:
        return None
    row: Any = await ctx.db.fetchrow(
        """SELECT m.id AS message_id, c.id AS customer_id, c.email, c.locale,
                  c.email_consent = 'subscribed' AS subscribed,
                  c.email_consent = 'unsubscribed' AS unsubscribed
           FROM pipeline_message m
           JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
           WHERE m.tenant_id = $1 AND m.id = $2""",
        ctx.tenant.id,
        UUID(bytes=message_id),
    )
    return Reader(**row) if row else None


async def _consent(ctx: Context, customer_id: int, state: ConsentState, source: str) -> None:
    """Now, or just after what is on record: an import may have dated a consent in the future, and a
    shop's clock may stand still.
    """
    known = await ctx.db.fetchval(
        "SELECT consent_at FROM profiles_customer WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        customer_id,
    )
    at = ctx.now if known is None else max(ctx.now, known + timedelta(microseconds=1))
    await set_consent(ctx, customer_id, state, source, at)
