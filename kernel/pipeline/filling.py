"""One variant's words set into its page: built once, then filled for each customer."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import minijinja

from kernel.contracts.base import digest
from kernel.contracts.delivery import MailLinks, MessageVars, Rendered, Shared
from kernel.mail import compiling, sharing
from kernel.mail.links import named
from kernel.mail.slots import SLOT, filled, literal
from kernel.pipeline import frozen, offer_words, variant_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kernel.contracts.campaigns import Copy
    from kernel.contracts.tenancy import Tenant

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass
class Mail:
    """One variant, ready to be filled for many customers."""

    env: minijinja.Environment
    tag: str
    shared: Shared
    template: str
    sources: dict[str, str]
    """Slot of a link -> where it leads, as it was written."""
    late: tuple[str, ...]
    """Blocks that stay for those who have the slot of that name."""
    blocks: tuple[str, ...]
    extras: tuple[str, ...]
    again: Callable[[tuple[str, ...], tuple[str, ...]], Mail]
    """The same mail with other `blocks` and `extras`: each is shared among those that have the same."""

    def suited(self, values: MessageVars) -> Mail:
        """The mail with the blocks for which these slots hold something."""
        blocks = tuple(name for name in self.late if values.slots.get(name))
        return self if blocks == self.blocks else self.again(blocks, self.extras)

    def links(self, values: MessageVars) -> MailLinks:
        """The addresses this mail would hold for these slots, before anybody rewrites them.

        Raises:
            KeyError: of a slot that nobody filled.
        """
        slots = values.slots
        return MailLinks(links={name: filled(url, slots) for name, url in self.sources.items()})

    def render(self, values: MessageVars, links: MailLinks | None = None) -> Rendered:
        """The finished mail for one customer's slots, with the addresses that `mail_links` gave back."""
        given = links or self.links(values)
        end = {"honeypot_url": given.honeypot, "pixel_url": given.pixel}
        extra = {name: url for name, url in end.items() if url}
        if tuple(extra) != self.extras:
            return self.again(self.blocks, tuple(extra)).render(values, given)
        everything = {**values.slots, **given.links, **extra}
        slots = {name: _text(value) for name, value in everything.items()}
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
            slots=everything,
            shared=None if alone else self.shared,
            template=self.template,
            links=self.sources,
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
    copy: Copy,
    language: str,
    template: compiling.Template,
    blocks: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
) -> Mail:
    subject = literal(copy.subject)
    page = _fill(compiling.staying(template.html, blocks), copy, language, as_html=True)
    known = {"link": copy.link} if copy.button else {}
    taken = SLOT.findall(subject + page)
    found = named(page, {**known, "home_link": "{{ shop_url }}"}, taken)
    # The name of the shop leads home in the page only: in the text it would be one line more.
    told = {name: words for name, words in found.words.items() if name not in ("link", "home_link")}
    lines = [f"{words}: {{{{ {name} }}}}".removeprefix(": ") for name, words in told.items()]
    below = "\n".join([*lines, "\n"]) if lines else ""
    text = _fill(template.text, copy, language, as_html=False, links=below)
    end = "".join(EXTRAS[name] for name in extras)
    sources = {
        "subject": subject,
        "mail.html": found.page.replace("</body>", f"{end}</body>"),
        "mail.txt": text,
    }
    env = minijinja.Environment(
        templates=sources,
        auto_escape_callback=lambda name: "html" if name.endswith(".html") else None,
        undefined_behavior="strict",
    )
    used = {slot for source in sources.values() for slot in SLOT.findall(source)}
    links = {name: url for name, url in found.sources.items() if name in used}
    tag = digest([sources, links, template.digest])[:16]
    plain = {slot: sharing.mark(tag, slot, escaped=False) for slot in used}
    safe = {slot: minijinja.safe(sharing.mark(tag, slot, escaped=True)) for slot in used}
    shared = sharing.shared(
        env.render_template("subject", **plain),
        env.render_template("mail.html", **safe),
        env.render_template("mail.txt", **plain),
        tag,
        used,
    )
    late, again = compiling.late(template.html), partial(_built, copy, language, template)
    return Mail(env, tag, shared, template.digest, links, late, blocks, extras, again)


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


def _fill(layout: str, copy: Copy, language: str, as_html: bool, links: str = "") -> str:
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", copy.body) if part.strip()]
    if as_html:
        body = "\n".join(
            f'<p style="margin:0 0 16px">{literal(part, as_html=True).replace(chr(10), "<br>")}</p>'
            for part in paragraphs
        )
    else:
        body = "\n\n".join(literal(part) for part in paragraphs)
    parts = {
        "heading": literal(copy.heading or copy.subject, as_html=as_html),
        "preheader": literal(copy.preheader or copy.heading, as_html=as_html),
        "button": literal(copy.button, as_html=as_html),
        "body": body,
        "subject": literal(copy.subject, as_html=as_html),
        "preferences": literal(offer_words.layout(language)["preferences"], as_html=as_html),
        "links": links,
        "unsubscribe": literal(offer_words.layout(language)["unsubscribe"], as_html=as_html),
    }
    return re.sub(r"\[\[(\w+)\]\]", lambda mark: parts.get(mark[1], mark[0]), layout)
