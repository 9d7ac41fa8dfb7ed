"""Words: copy per variant, slots per customer, html and text. And each customer's fate so far."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, cast

import minijinja
import msgspec

from kernel.contracts.campaigns import CampaignType, Copy
from kernel.contracts.delivery import MessageVars, Outgoing, Rendered
from kernel.contracts.errors import InvalidInput
from kernel.pipeline import offer_words, variant_names
from kernel.pipeline.batch import Batch, Fate
from kernel.pipeline.offer_words import OFFER_SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.decisions import Guarded, Verdict
    from kernel.contracts.tenancy import Tenant
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.scope import TenantScope

SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
SLOTS = ("first_name", "last_name", "shop_name", "shop_url", "sender_name", "postal_address")
"""Slots every mail has. `first_name` is "there" for those whose name is not known."""
LAYOUT_SLOTS = ("unsubscribe_url", "footer_reason")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
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


@dataclass
class Mail:
    """One variant, ready to be filled for many customers."""

    env: minijinja.Environment
    tenant: Tenant

    def render(self, values: MessageVars) -> Rendered:
        """The finished mail for one customer's slots."""
        slots = values.slots
        # Escaped here, since minijinja also writes "/" as an entity: right, but links look broken to
        # scanners. Whatever is not marked so is still escaped by the environment.
        marked = {
            name: minijinja.safe(html.escape(value)) if isinstance(value, str) else value
            for name, value in slots.items()
        }
        return Rendered(
            subject=CONTROL.sub(" ", self.env.render_template("subject", **slots)).strip(),
            html=self.env.render_template("mail.html", **marked),
            text=self.env.render_template("mail.txt", **slots),
            headers={name: CONTROL.sub(" ", value) for name, value in values.headers.items()},
        )


def build(tenant: Tenant, copy: Copy, language: str = variant_names.BASE) -> Mail:
    """The copy set into the layout, whose own words are in `language`, once for all customers.

    The words of the copy are data: everything in them but `{{ slot }}` is escaped before it becomes
    part of the template, and slots are escaped when they are filled.
    """
    env = minijinja.Environment(
        templates={
            "subject": _literal(copy.subject),
            "mail.html": _fill(_layout("mail.html"), copy, language, as_html=True),
            "mail.txt": _fill(_layout("mail.txt"), copy, language, as_html=False),
        },
        auto_escape_callback=lambda name: "html" if name.endswith(".html") else None,
        undefined_behavior="strict",
        globals={"brand": msgspec.to_builtins(tenant.brand)},
    )
    return Mail(env, tenant)


@lru_cache
def _layout(name: str) -> str:
    return resources.files("kernel.pipeline").joinpath("layout", name).read_text("utf-8")


def _literal(text: str, as_html: bool = False) -> str:
    """Template source that prints `text` as it stands, slots apart."""
    pieces = SLOT.split(text)
    for index, piece in enumerate(pieces):
        if index % 2:
            pieces[index] = "{{ " + piece + " }}"
        else:
            shown = html.escape(piece) if as_html else piece
            pieces[index] = shown.replace("{", "{{ '{' }}") if "{" in shown else shown
    return "".join(pieces)


def _fill(layout: str, copy: Copy, language: str, as_html: bool) -> str:
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", copy.body) if part.strip()]
    if as_html:
        body = "\n".join(
            f'<p style="margin:0 0 16px">{_literal(part, True).replace(chr(10), "<br>")}</p>'
            for part in paragraphs
        )
    else:
        body = "\n\n".join(_literal(part) for part in paragraphs)
    parts = {
        "heading": _literal(copy.heading or copy.subject, as_html),
        "preheader": _literal(copy.preheader or copy.heading, as_html),
        "button": _literal(copy.button, as_html),
        "link": _literal(copy.link, as_html),
        "body": body,
        "subject": _literal(copy.subject, as_html),
        "unsubscribe": _literal(offer_words.layout(language)["unsubscribe"], as_html),
        "language": language,
    }
    block = r"\1" if copy.button else ""
    layout = re.sub(r"\[\[if button\]\](.*?)\[\[end\]\]", block, layout, flags=re.DOTALL)
    return re.sub(r"\[\[(\w+)\]\]", lambda mark: parts[mark[1]], layout)


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
    used = {variant: copies[variant] for _, variant in batch if variant in copies}
    mails = {name: build(ctx.tenant, copy, spoken[name]) for name, copy in used.items()}
    endless = {
        name: build(ctx.tenant, offer_words.timeless(copy, spoken[name]), spoken[name])
        for name, copy in used.items()
        if offer_words.names_end(copy)
    }
    done: list[Outgoing | str] = []
    for (message, variant), filled in zip(batch, values, strict=True):
        if variant_names.parse(variant).offer and not filled.slots.get("offer_code"):
            if samples is None:
                done.append("There is no offer for this message, and its words tell of one.")
                continue
            filled = msgspec.structs.replace(filled, slots={**filled.slots, **samples})
        mail = mails.get(variant)
        if variant in endless and not filled.slots.get("offer_ends"):
            mail = endless[variant]
        if mail is None:
            done.append(f"There is no variant {variant!r}.")
            continue
        try:
            done.append(msgspec.structs.replace(message, rendered=mail.render(filled)))
        except minijinja.TemplateError as error:
            done.append(f"The mail could not be made: {error.message}.")
    return done
