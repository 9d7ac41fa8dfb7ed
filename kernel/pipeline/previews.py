"""How the words of a variant would look as a mail now, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from kernel.contracts.base import Frozen, new_id
from kernel.contracts.campaigns import Campaign
from kernel.contracts.delivery import Finding, Outgoing, Recipient, Rendered
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.mail.lint import blocking, lint
from kernel.mail.slots import filled
from kernel.pipeline import compose, features, offer_words, variant_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope


UNFIT = "The mail cannot go out as it is."


class Checked(Frozen):
    """A variant's mail for somebody who gets it, and what is wrong with it."""

    variant: str
    rendered: Rendered | None
    """None where it cannot be made: then the only finding says why."""
    findings: tuple[Finding, ...]


async def preview(
    ctx: Context, campaign_id: UUID, variant: str, customer_id: int | None = None
) -> Rendered:
    """The mail of a variant as it would be made now.

    Args:
        ctx: the tenant.
        campaign_id: of which campaign.
        variant: its name.
        customer_id: whose data fill the slots; None for somebody who gets the variant, or else anybody
            in the campaign. Slots for an offer that was not made are filled with a sample.

    Raises:
        NotFound: there is no such campaign, variant or customer.
        Conflict: the mail cannot be made; the sentence says why.
    """
    return (await _made(ctx, campaign_id, variant, customer_id)).rendered  # type: ignore[return-value]


async def _made(
    ctx: Context, campaign_id: UUID, variant: str, customer_id: int | None = None
) -> Outgoing:
    campaign = await _campaign(ctx, campaign_id)
    texts = await variant_store.copies(ctx, campaign_id)
    if variant not in texts:
        raise NotFound(f"The campaign has no variant `{variant}`.", "See its copy.")
    message = await _sample(ctx, campaign, variant, customer_id)
    spoken = await variant_store.languages(ctx, campaign_id)
    [made] = await compose.render(ctx, texts, [(message, variant)], spoken, offer_words.SAMPLES)
    if isinstance(made, str) or made.rendered is None:
        raise Conflict(str(made), "Edit the words of the variant.")
    return msgspec.structs.replace(made, variant=variant)


async def check(ctx: Context, campaign_id: UUID, variants: Sequence[str] = ()) -> list[Checked]:
    """The mail of each variant for one customer, looked over.

    Args:
        ctx: the tenant.
        campaign_id: of which campaign.
        variants: which; empty for those that messages wait in, or went out in.

    Raises:
        NotFound: there is no such campaign or variant.
    """
    names = variants or await _used(ctx, campaign_id)
    checked = [await _checked(ctx, campaign_id, name) for name in names]
    mails = [mail for _, mail in checked if mail is not None]
    board = cast("TenantScope", ctx).core.board
    answers = (
        await board.collect("mail_findings", ctx.enabled, ctx=ctx, batch=mails) if mails else []
    )
    for answer in answers:
        told = {mail.variant: one.found for mail, one in zip(mails, answer.value, strict=True)}
        checked = [
            (_with(one, told.get(mail.variant, ()) if mail else ()), mail) for one, mail in checked
        ]
    return [one for one, _ in checked]


def _with(checked: Checked, more: Sequence[Finding]) -> Checked:
    found = sorted([*checked.findings, *more], key=lambda one: one.severity != "block")
    return msgspec.structs.replace(checked, findings=tuple(found))


async def faults(ctx: Context, campaign_id: UUID) -> str:
    """What stops its approval: every such finding of a variant that would go out; empty where there is none."""
    return " ".join(
        f"{one.variant}: {finding.sentence} {finding.advice}"
        for one in await check(ctx, campaign_id)
        for finding in blocking(one.findings)
    )


async def refuse(ctx: Context, campaign_id: UUID) -> None:
    """Raises Conflict with the `faults`, where there are any."""
    if found := await faults(ctx, campaign_id):
        raise Conflict(UNFIT, found)


async def _used(ctx: Context, campaign_id: UUID) -> list[str]:
    rows = await ctx.db.fetch(
        """SELECT v.variant FROM pipeline_variant v WHERE v.tenant_id = $1 AND v.campaign_id = $2
             AND EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1
               AND m.campaign_id = $2 AND m.variant = v.variant
               AND m.state NOT IN ('skipped', 'held_out', 'suppressed', 'capped', 'cancelled'))
           ORDER BY v.variant""",
        ctx.tenant.id,
        campaign_id,
    )
    return [row["variant"] for row in rows]


async def _checked(
    ctx: Context, campaign_id: UUID, variant: str
) -> tuple[Checked, Outgoing | None]:
    try:
        mail = await _made(ctx, campaign_id, variant)
    except (Conflict, InvalidInput) as error:  # its words, or a template of the tenant's
        finding = Finding(
            severity="block",
            rule="made",
            sentence=error.message,
            advice=error.fix or "Edit the words of the variant.",
        )
        return Checked(variant=variant, rendered=None, findings=(finding,)), None
    rendered = mail.rendered
    assert rendered is not None
    campaign = await _campaign(ctx, campaign_id)
    core = cast("TenantScope", ctx).core
    owned = core.board.campaign_types.get(campaign.campaign_type)
    host = ctx.tenant.sender.link_host
    found = lint(
        rendered,
        postal_address=ctx.tenant.postal_address,
        own=[
            f"{url}/"
            for url in (core.links.base_url.rstrip("/"), host and f"https://{host}")
            if url
        ],
        links=[filled(url, rendered.slots) for url in rendered.links.values()],
        transactional=bool(owned and owned.value.transactional),
    )
    return Checked(variant=variant, rendered=rendered, findings=tuple(found)), mail


async def _campaign(ctx: Context, campaign_id: UUID) -> Campaign:
    row = await ctx.db.fetchrow(
        "SELECT * FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        campaign_id,
    )
    if row is None:
        raise NotFound("There is no such campaign.", "See the list of campaigns.")
    return Campaign(**{name: row[name] for name in Campaign.__struct_fields__})


async def _sample(
    ctx: Context, campaign: Campaign, variant: str, customer_id: int | None
) -> Outgoing:
    row = await ctx.db.fetchrow(
        """SELECT id AS message_id, customer_id, step, variant FROM pipeline_message
           WHERE tenant_id = $1 AND campaign_id = $2 AND ($4::bigint IS NULL OR customer_id = $4)
           ORDER BY variant = $3 DESC, variant <> '' DESC, customer_id LIMIT 1""",
        ctx.tenant.id,
        campaign.id,
        variant,
        customer_id,
    )
    # Only a message of this very variant has its offer; for others one is made up.
    own = row is not None and row["variant"] == variant
    key = row["message_id"] if own else new_id(ctx.now)
    someone = customer_id if row is None else row["customer_id"]
    if someone is not None:
        found = await features.outgoing(
            ctx, campaign, [features.Row(message_id=key, customer_id=someone, step=1)]
        )
        if found:
            return found[0][0]
        if customer_id is not None:
            raise NotFound("There is no such customer.", "See the list of customers.")
    return Outgoing(
        id=key,
        campaign_id=campaign.id,
        campaign_type=campaign.campaign_type,
        customer_id=0,
        step=1,
        proposed_at=campaign.proposed_at,
        recipient=_NOBODY,
    )


_NOBODY = Recipient(
    customer_id=0,
    email=None,
    first_name="",
    last_name="",
    country="",
    timezone="",
    locale="",
    email_consent="",
    consent_at=None,
    consent_source="",
    orders_count=0,
    last_order_at=None,
)
