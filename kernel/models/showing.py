"""Recommended products as they may stand in a mail: a catalogue's texts are hostile until cleaned here."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.models.cards import recommend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.models import Slot

LENGTH = 60
"""Characters of a title at most."""
_URL = re.compile(r"https://[^\s\"'<>@\\]{4,490}")
_DOT = re.compile(r"(?<=\w)[.。｡․](?=[^\W\d_])")

_PRODUCTS = """
SELECT sku, title, url FROM profiles_product
WHERE tenant_id = $1 AND sku = ANY($2::text[]) AND status = 'active' AND is_product
"""


class Shown(Frozen):
    """A product for a mail. `title` is one short line of plain text: nothing in it is a link, nothing
    invisible. It is not escaped: slots are, when they are filled.
    """

    sku: str
    title: str
    url: str
    """An https address, or empty."""


async def suggest(
    ctx: Context, customer_ids: Sequence[int], slots: Mapping[Slot, int], k: int
) -> dict[int, list[Shown]]:
    """Up to `k` products for each of these customers, as they may be shown; who gets none is left out.

    Args:
        ctx: the tenant.
        customer_ids: for whom.
        slots: asked in this order, each for at most so many; see `recommend`.
        k: how many in all.
    """
    if not customer_ids:
        return {}
    wanted: dict[int, list[str]] = {}
    for slot, most in slots.items():
        for customer, found in (await recommend(ctx, customer_ids, slot, most)).items():
            wanted.setdefault(customer, []).extend(one.sku for one in found)
    skus = sorted({sku for some in wanted.values() for sku in some})
    rows = await ctx.db.fetch(_PRODUCTS, ctx.tenant.id, skus) if skus else []
    known = {
        row["sku"]: Shown(sku=row["sku"], title=title, url=product_url(row["url"]))
        for row in rows
        if (title := product_title(row["title"]))
    }
    shown = {
        customer: [known[sku] for sku in dict.fromkeys(some) if sku in known][:k]
        for customer, some in wanted.items()
    }
    return {customer: some for customer, some in shown.items() if some}


def product_title(text: str) -> str:
    """The title as one short line: no control characters, nothing that turns the direction of text, and
    dots and slashes set apart so that no reader makes a link of them. Empty where nothing readable is left.
    """
    kept = "".join(_character(char) for char in unicodedata.normalize("NFC", text))
    kept = _DOT.sub(". ", kept.replace("//", "/ /").replace("@", " at "))
    kept = " ".join(kept.split())
    if len(kept) > LENGTH:
        cut = kept[: LENGTH - 1]
        kept = f"{cut.rpartition(' ')[0] or cut}…"
    return kept if any(char.isalnum() for char in kept) else ""


def product_url(text: str) -> str:
    """The address, where it is a plain https one; else empty."""
    return text if _URL.fullmatch(text) else ""


def _character(char: str) -> str:
    kind = unicodedata.category(char)
    if kind == "Cf":
        return ""
    return " " if kind[0] in "CZ" else char
