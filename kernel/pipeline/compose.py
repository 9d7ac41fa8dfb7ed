"""Words: copy per variant, slots per customer, html and text. And each customer's fate so far."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import minijinja
import msgspec

from kernel.contracts.campaigns import CampaignType, Copy
from kernel.contracts.delivery import MailLinks, MessageVars, Outgoing
from kernel.contracts.errors import InvalidInput
from kernel.mail.slots import SLOT
from kernel.pipeline import frozen, offer_words, variant_names
from kernel.pipeline.batch import Batch, Fate
from kernel.pipeline.filling import CONTROL, Mail, build
from kernel.pipeline.offer_words import OFFER_SLOTS
from kernel.tenancy import templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.decisions import Guarded, Verdict
    from kernel.contracts.tenancy import Tenant
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.scope import TenantScope

SLOTS = ("first_name", "last_name", "shop_name", "shop_url", "sender_name", "postal_address")
"""Slots every mail has. `first_name` is "there" for those whose name is not known."""
LAYOUT_SLOTS = ("unsubscribe_url", "footer_reason")
LINK = re.compile(r"//|[@\\]|\bwww\.|\w{3,}\.\w{2,}", re.IGNORECASE)
LINKS = re.compile(r"https?://[^\s\"'<>]+|\{\{\s*shop_url\s*\}\}\S*|\{\{\s*\w+_url\s*\}\}")
"""What may be a link: an address, below the shop's, or a slot that holds one."""
NAME_LENGTH = 60


# --- the stage ------------------------------------------------------------------------------------


async def run(board: Plugboard, batch: Batch) -> Batch:
    """The stage: fills `fates`. A message's variant is named here; its words may come later."""
    owned = board.campaign_types.get(batch.campaign.campaign_type)
    writers = bool(board.plans("write_copy", batch.enabled).steps)
    spoken = variant_names.languages(owned.value.copies if owned else (), writers)
    batch.fates = [
        fate(
            guarded,
            batch.verdicts.get(person.outgoing.id),
            variant_names.of(
                guarded.action,
                person.candidate,
                person.outgoing.recipient.locale,
                spoken=spoken,
                writers=writers,
            )
            if guarded.action.send
            else "",
        )
        for person, guarded in zip(batch.people, batch.guarded, strict=True)
    ]
    return batch


def fate(guarded: Guarded, verdict: Verdict | None, variant: str) -> Fate:
    """Where a customer goes in the ledger. A rule that only says "not now" plans the message for
    later: it is asked again at hand-over.
    """
    if guarded.held_out:
        return Fate(state="held_out", reason=guarded.changes[-1].reason)
    if not guarded.action.send or verdict is None:
        reasons = [change.reason for change in guarded.changes[-1:]] or guarded.decision.reasons
        return Fate(state="skipped", reason=reasons[0] if reasons else "")
    if verdict.outcome in ("suppressed", "capped"):
        state = "suppressed" if verdict.outcome == "suppressed" else "capped"
        return Fate(state=state, reason=f"{verdict.rule}: {verdict.reason}")  # type: ignore[arg-type]
    times = [at for at in (verdict.until, guarded.action.send_at) if at is not None]
    return Fate(state="planned", variant=variant, due_at=max(times, default=None))


# --- copy -----------------------------------------------------------------------------------------


def check_copy(copy: Copy, extra_slots: Sequence[str] = (), offer: bool = False) -> dict[str, str]:
    """What is wrong with the words, whoever wrote them, field by field; empty when nothing is.

    Args:
        copy: the words.
        extra_slots: those of the campaign type.
        offer: whether the variant tells of an offer: only then are there the slots for it.
    """
    known = {*SLOTS, *extra_slots, *(OFFER_SLOTS if offer else ())}
    problems: dict[str, str] = {}
    for name in copy.__struct_fields__:
        text: str = getattr(copy, name)
        unknown = [slot for slot in SLOT.findall(text) if slot not in known]
        rest = SLOT.sub("", text)
        if unknown and unknown[0] in OFFER_SLOTS:
            problems[name] = f"{{{{ {unknown[0]} }}}} is for variants with an offer only."
        elif unknown:
            listed = ", ".join(sorted(known))
            problems[name] = f"Unknown slot {{{{ {unknown[0]} }}}}. Known slots: {listed}."
        elif "{{" in rest or "{%" in rest or "{#" in rest:
            problems[name] = "A slot is written {{ name }}; nothing else may stand in braces."
        elif name in ("subject", "preheader") and CONTROL.search(text):
            problems[name] = "One line only."
        elif CONTROL.search(re.sub(r"[\r\n\t]", "", text)):
            problems[name] = "No control characters."
    if not LINKS.fullmatch(copy.link):
        problems.setdefault("link", "The link begins with https:// or is {{ shop_url }}.")
    for name in ("subject", "body"):
        if not getattr(copy, name).strip():
            problems.setdefault(name, "This cannot be empty.")
    return problems


def validated(copy: Copy, kind: CampaignType | None, variant: str = "") -> Copy:
    """The copy, or InvalidInput with a problem for each field."""
    problems = check_copy(copy, kind.slots if kind else (), variant_names.parse(variant).offer)
    if problems:
        raise InvalidInput(
            "The copy cannot be used.",
            "Correct the fields named.",
            tuple(f"{field}: {text}" for field, text in problems.items()),
        )
    return copy


# --- rendering ------------------------------------------------------------------------------------


def base_vars(tenant: Tenant, message: Outgoing, language: str = variant_names.BASE) -> MessageVars:
    """The slots every mail has; `language` is that of the words."""
    person = message.recipient
    return MessageVars(
        slots={
            "first_name": clean(person.first_name) or offer_words.layout(language)["unknown"],
            "last_name": clean(person.last_name),
            "shop_name": tenant.brand.name or tenant.name,
            "shop_url": tenant.brand.website or f"https://{tenant.sender.email.partition('@')[2]}",
            "sender_name": tenant.sender.name,
            "postal_address": tenant.postal_address,
        }
    )


def clean(text: str) -> str:
    """A name as it may stand in a subject line: one short line without control characters.

    Empty where it looks like an address: signing up strangers under the name "win at evil.example"
    would have our mail carry the link.
    """
    if text.isalpha():  # nearly every first name; nothing below could change it
        return text[:NAME_LENGTH]
    name = " ".join(CONTROL.sub(" ", text).split())[:NAME_LENGTH]
    return "" if LINK.search(name) else name


async def render(
    ctx: Context,
    copies: Mapping[str, Copy],
    batch: Sequence[tuple[Outgoing, str]],
    languages: Mapping[str, str] | None = None,
    samples: Mapping[str, str] | None = None,
) -> list[Outgoing | str]:
    """Each message with its mail, or the sentence that says why it cannot be made; in order.

    Args:
        ctx: the tenant.
        copies: variant -> words.
        batch: messages, each with the name of its variant.
        languages: variant -> language of its words, where it is not English.
        samples: what fills an offer's slots where none was made; in previews only.
    """
    scope = cast("TenantScope", ctx)
    messages = [message for message, _ in batch]
    spoken = {variant: (languages or {}).get(variant, variant_names.BASE) for variant in copies}
    start = [
        base_vars(ctx.tenant, message, spoken.get(variant, variant_names.BASE))
        for message, variant in batch
    ]
    values = await scope.core.board.chain(
        "template_vars", ctx.enabled, "values", start, ctx=ctx, batch=messages
    )
    own = await templates.overrides(ctx)
    pins = await frozen.pinned(ctx, {message.campaign_id for message in messages})
    ready: list[tuple[Mail, MessageVars] | str] = []
    for (message, variant), filled in zip(batch, values, strict=True):
        copy = copies.get(variant)
        offered = variant_names.parse(variant).offer
        if copy is None:
            ready.append(f"There is no variant {variant!r}.")
            continue
        if offered and not filled.slots.get("offer_code"):
            if samples is None:
                ready.append("There is no offer for this message, and its words tell of one.")
                continue
            filled = msgspec.structs.replace(filled, slots={**filled.slots, **samples})
        if offer_words.names_end(copy) and not filled.slots.get("offer_ends"):
            copy = offer_words.timeless(copy, spoken[variant])
        flags: tuple[str, ...] = ("offer",) if offered else ()
        flags += ("preferences",) if filled.slots.get("preferences_url") else ()
        kind = message.campaign_type
        main, versions = frozen.sections(ctx, kind, own), pins.get((message.campaign_id, variant))
        base = own.get(templates.BASE, "")
        mail = build(ctx.tenant, copy, spoken[variant], kind, main, flags, base, versions)
        ready.append((mail.suited(filled), filled))
    # A slot that nobody filled shows when the links are made, too.
    whole: list[tuple[Outgoing, Mail, MessageVars, MailLinks] | str] = []
    for message, one in zip(messages, ready, strict=True):
        if isinstance(one, str):
            whole.append(one)
            continue
        try:
            whole.append((message, *one, one[0].links(one[1])))
        except KeyError as error:
            whole.append(f"The mail could not be made: nothing fills the slot `{error.args[0]}`.")
    found = [one for one in whole if not isinstance(one, str)]
    links = iter(
        await scope.core.board.chain(
            "mail_links",
            ctx.enabled,
            "links",
            [one[3] for one in found],
            ctx=ctx,
            batch=[one[0] for one in found],
        )
    )
    done: list[Outgoing | str] = []
    for made in whole:
        if isinstance(made, str):
            done.append(made)
            continue
        message, mail, filled, _ = made
        try:
            done.append(msgspec.structs.replace(message, rendered=mail.render(filled, next(links))))
        except minijinja.TemplateError as error:
            done.append(f"The mail could not be made: {error.message}.")
    return done
