"""What is wrong with the templates of a shop: handed to `mailwright tenants plan` and `apply`."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from kernel.contracts.errors import InvalidInput
from kernel.mail import compiling
from kernel.tenancy.templates import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kernel.plugboard.board import Plugboard

Fault = tuple[int | None, str]
"""Line, and a sentence with the fix."""

SLOTS = frozenset(
    (
        *("first_name", "last_name", "shop_name", "shop_url", "sender_name", "postal_address"),
        *("unsubscribe_url", "footer_reason", "home_link"),
    )
)
"""What every mail has."""
BLOCKS = {
    "button": ("link",),
    "offer": ("offer_code", "offer_value", "offer_ends"),
    "preferences": ("preferences_url",),
    "logo": (),
    "no_logo": (),
}
"""Block -> the slots that mails have only where it stays."""
WITHIN = {slot: block for block, slots in BLOCKS.items() for slot in slots}
WORDS = frozenset(
    (
        *("heading", "body", "button", "preheader", "subject", "preferences", "unsubscribe"),
        *("language", "dir", "start", "colour", "on_colour", "logo_url", "shop"),
    )
)
HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*(:|=\s*[\"'])\s*0", re.IGNORECASE
)
LOOKS = (
    compiling.Look(shop="Shop", logo_url="https://shop.example/logo.png"),
    compiling.Look(flags=("button", "offer", "preferences"), language="ar", shop="Shop"),
)
_SLOT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r" ?([a-z][a-z0-9_]*) ?")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SHOWN = {
    "unsubscribe_url": re.compile(r"<a\b[^>]*href=\"\{\{ unsubscribe_url \}\}\""),
    "postal_address": re.compile(r">[^<]*\{\{ postal_address \}\}"),
}


def check(board: Plugboard, sources: Mapping[str, str]) -> dict[str, list[Fault]]:
    """What is wrong, template by template.

    Args:
        board: whose campaign types may have slots of their own.
        sources: campaign type or `base` -> MJML, all that one shop uses.
    """
    base = sources.get(BASE, "")
    found: dict[str, list[Fault]] = {}
    if base:
        found[BASE] = list(_base(base))
    usable = base if not found.get(BASE) else ""
    for name, source in sources.items():
        if name != BASE:
            owned = board.campaign_types.get(name)
            kind = owned.value if owned else None
            extra = frozenset((*kind.slots, *kind.page_slots) if kind else ())
            found[name] = list(_sections(name, source, usable, extra))
    return {name: faults for name, faults in found.items() if faults}


def _base(source: str) -> Iterator[Fault]:
    seen = list(_scan(source, SLOTS, WORDS | {"main"}))
    if source.count("[[main]]") != 1:
        seen.append(
            (None, "`[[main]]` must stand in it once: there go the campaign's own sections.")
        )
    yield from seen or _compiled(BASE, compiling.kernel_file("default.mjml"), source)


def _sections(name: str, source: str, base: str, extra: frozenset[str]) -> Iterator[Fault]:
    seen = list(_scan(source, SLOTS | extra, WORDS))
    seen += [
        (None, f"`[[{word}]]` is missing. Put it where the {word} of the mail goes.")
        for word in ("heading", "body")
        if f"[[{word}]]" not in _COMMENT.sub("", source)
    ]
    yield from seen or _compiled(name, source, base)


def _scan(source: str, slots: frozenset[str], words: frozenset[str]) -> Iterator[Fault]:
    """What can be told from the source: each with its line."""

    def line(at: int, text: str = source) -> int:
        return text.count("\n", 0, at) + 1

    plain = html.unescape(source)  # "&#106;avascript:" acts, too
    for hit in compiling.FORBIDDEN.finditer(plain):
        what = hit[0].strip()
        yield line(hit.start(), plain), f"`{what}` is not allowed. Remove it: mails act on nothing."
    for mark in ("{%", "{#"):  # "&#123;%" is a tag once it is compiled
        for at in re.finditer(re.escape(mark), plain):
            text = f"`{mark}` is not allowed. Use `[[if button]] … [[end]]`; slots are `{{{{ name }}}}`."
            yield line(at.start(), plain), text
    for hit in HIDDEN.finditer(plain):
        yield line(hit.start(), plain), f"`{hit[0]}` is not allowed. Show it or leave it out."
    blocks = [(hit.span(), hit[1]) for hit in compiling.BLOCK.finditer(source)]
    for hit in _SLOT.finditer(source):
        name = _NAME.fullmatch(hit[1])
        slot = name[1] if name else ""
        around = {block for (start, end), block in blocks if start < hit.start() < end}
        if slot in WITHIN and WITHIN[slot] not in around:
            text = f"`{{{{ {slot} }}}}` is not in every mail. Put it in `[[if {WITHIN[slot]}]] … [[end]]`."
            yield line(hit.start()), text
        elif slot not in slots and slot not in WITHIN:
            shown = " ".join(hit[0].split())[:40]
            listed = ", ".join(sorted({*slots, *WITHIN}))
            yield line(hit.start()), f"`{shown}` is no slot of this mail. There are: {listed}."
    for hit in re.finditer(r"\[\[(if )?(\w+)\]\]", source):
        known: Iterable[str] = (*BLOCKS, *(slots - SLOTS)) if hit[1] else (*words, "end")
        if hit[2] not in known:
            text = f"`{hit[0]}` is not known. There are: {', '.join(sorted(known))}."
            yield line(hit.start()), text
    paired = len(re.findall(r"\[\[if \w+\]\]", source)) == source.count("[[end]]") == len(blocks)
    if not paired or any("[[if " in source[start + 2 : end] for (start, end), _ in blocks):
        yield None, "Each `[[if …]]` needs one `[[end]]`, and they cannot stand in one another."


def _compiled(name: str, main: str, base: str) -> Iterator[Fault]:
    """What only the finished page shows."""
    for look in LOOKS:
        try:
            made = compiling.compiled(name, main, look, base)
        except InvalidInput as error:
            why = "; ".join(error.problems) if error.problems else error.fix
            yield None, f"does not compile: {why}. Check that every tag is closed."
            return
        size = len(made.html.encode())
        if size > compiling.LARGEST:
            yield None, f"is {size} bytes when compiled; at most {compiling.LARGEST}. Shorten it."
            return
        page = _COMMENT.sub("", made.html)
        for slot, place in _SHOWN.items():
            if not place.search(page):
                fix = (
                    'as `<a href="{{ unsubscribe_url }}">`'
                    if slot == "unsubscribe_url"
                    else "as text"
                )
                yield None, f"`{slot}` is missing. The law asks for it: put it in {fix}."
                return
