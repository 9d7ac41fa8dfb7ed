"""Words: copy per variant, slots per customer, html and text. And each customer's fate so far."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, cast

import minijinja
import msgspec

from kernel.contracts.base import digest
from kernel.contracts.campaigns import CampaignType, Copy
from kernel.contracts.delivery import MailLinks, MessageVars, Outgoing, Rendered, Shared
from kernel.contracts.errors import InvalidInput
from kernel.mail import compiling, sharing
from kernel.pipeline import frozen, offer_words, variant_names
from kernel.pipeline.batch import Batch, Fate
from kernel.pipeline.offer_words import OFFER_SLOTS
from kernel.tenancy import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    tag: str
    shared: Shared
    template: str
    button: bool
    extras: tuple[str, ...]
    again: Callable[[tuple[str, ...]], Mail]
    """The same mail with other `extras`: each is shared among those that have the same."""

    def links(self, values: MessageVars) -> MailLinks:
        """The addresses this mail would hold for these slots, before anybody rewrites them."""
        home = {"home_link": str(values.slots.get("shop_url", ""))}
        if not self.button:
            return MailLinks(links=home)
        return MailLinks(links={"link": self.env.render_template("link", **values.slots), **home})

    def render(self, values: MessageVars, links: MailLinks | None = None) -> Rendered:
        """The finished mail for one customer's slots, with the addresses that `mail_links` gave back."""
        given = links or self.links(values)
        end = {"honeypot_url": given.honeypot, "pixel_url": given.pixel}
        extra = {name: url for name, url in end.items() if url}
        if tuple(extra) != self.extras:
            return self.again(tuple(extra)).render(values, given)
        filled = {**values.slots, **given.links, **extra}
        slots = {name: _text(value) for name, value in filled.items()}
        # Escaped here, since minijinja also writes "/" as an entity: right, but links look broken to
        # scanners. Whatever is not marked so is still escaped by the environment.
        marked = {name: minijinja.safe(html.escape(value)) for name, value in slots.items()}
        subject = self.env.render_template("subject", **slots)
        line = CONTROL.sub(" ", subject).strip()
        page = self.env.render_template("mail.html", **marked)
        text = self.env.render_template("mail.txt", **slots)
        # A value that holds a mark would be filled twice, so that mail goes alone.
        alone = line != subject or any(self.tag in value for value in slots.values())
        return Rendered(
            subject=line,
            html=page,
            text=text,
            headers={name: CONTROL.sub(" ", value) for name, value in values.headers.items()},
            slots=filled,
            shared=None if alone else self.shared,
            template=self.template,
        )


def _text(value: str | int | float | bool) -> str:
    return value if isinstance(value, str) else str(value)


EXTRAS = {
    "honeypot_url": '<a href="{{ honeypot_url }}" style="display:none" aria-hidden="true" tabindex="-1"></a>',
    "pixel_url": '<img src="{{ pixel_url }}" width="1" height="1" alt="" style="border:0">',
}
"""Slot -> what stands at the end of the pages that have it."""


@lru_cache(maxsize=512)
def _built(
    copy: Copy, language: str, template: compiling.Template, extras: tuple[str, ...] = ()
) -> Mail:
    page = _fill(template.html, copy, language, as_html=True)
    end = "".join(EXTRAS[name] for name in extras)
    sources = {
        "subject": _literal(copy.subject),
        "link": _literal(copy.link),
        "mail.html": page.replace("</body>", f"{end}</body>"),
        "mail.txt": _fill(template.text, copy, language, as_html=False),
    }
    env = minijinja.Environment(
        templates=sources,
        auto_escape_callback=lambda name: "html" if name.endswith(".html") else None,
        undefined_behavior="strict",
    )
    tag = digest([sources, template.digest])[:16]
    used = {slot for name in sources if name != "link" for slot in SLOT.findall(sources[name])}
    plain = {slot: sharing.mark(tag, slot, escaped=False) for slot in used}
    safe = {slot: minijinja.safe(sharing.mark(tag, slot, escaped=True)) for slot in used}
    shared = sharing.shared(
        env.render_template("subject", **plain),
        env.render_template("mail.html", **safe),
        env.render_template("mail.txt", **plain),
        tag,
        used,
    )
    again = partial(_built, copy, language, template)
    return Mail(env, tag, shared, template.digest, bool(copy.button), extras, again)


def build(
    tenant: Tenant,
    copy: Copy,
    language: str = variant_names.BASE,
    kind: str = "default",
    main: str = "",
    flags: tuple[str, ...] = (),
    base: str = "",
    versions: Mapping[str, compiling.Template] | None = None,
) -> Mail:
    """The copy set into the template, whose own words are in `language`, once for all customers.

    The words of the copy are data: everything in them but `{{ slot }}` is escaped before it becomes
    part of the template, and slots are escaped when they are filled. Where there are frozen `versions`,
    the mail is made of one of them, whatever the templates say today.
    """
    blocks = (*flags, "button") if copy.button else flags
    template = (versions or {}).get(frozen.key(blocks)) or compiling.compiled(
        kind,
        main or compiling.kernel_file("default.mjml"),
        frozen.look(tenant, language, blocks),
        base,
    )
    return _built(copy, language, template)


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
        "body": body,
        "subject": _literal(copy.subject, as_html),
        "preferences": _literal(offer_words.layout(language)["preferences"], as_html),
        "unsubscribe": _literal(offer_words.layout(language)["unsubscribe"], as_html),
    }
    return re.sub(r"\[\[(\w+)\]\]", lambda mark: parts.get(mark[1], mark[0]), layout)


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
        ready.append((mail, filled))
    # A slot that nobody filled shows when the links are made, too.
    whole: list[tuple[Outgoing, Mail, MessageVars, MailLinks] | str] = []
    for message, one in zip(messages, ready, strict=True):
        if isinstance(one, str):
            whole.append(one)
            continue
        try:
            whole.append((message, *one, one[0].links(one[1])))
        except minijinja.TemplateError as error:
            whole.append(f"The mail could not be made: {error.message}.")
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
