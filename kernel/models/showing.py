"""Recommended products as they may stand in a mail: a catalogue's texts are hostile until cleaned here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import Verdict
from kernel.contracts.events import MessagesAccepted
from kernel.models.cards import note_offers, recommend

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.delivery import MessageVars, Outgoing
    from kernel.contracts.events import Event
    from kernel.contracts.models import Slot

LENGTH = 60
"""Characters of a title at most."""
_URL = re.compile(r"https://[^\s\"'<>@\\]{4,490}")
_DOT = re.compile(r"(?<=\w)[.。｡․](?=[^\W\d_])")

_PRODUCTS = """
SELECT sku, title, url, image_url, price, currency FROM profiles_product
WHERE tenant_id = $1 AND sku = ANY($2::text[]) AND status = 'active' AND is_product
"""


_ALLOWED = Verdict(outcome="allowed")


class Shown(Frozen):
    """A product for a mail. `title` is one short line of plain text: nothing in it is a link, nothing
    invisible. It is not escaped: slots are, when they are filled.
    """

    sku: str
    title: str
    url: str
    """An https address, or empty."""
    image_url: str = ""
    """The same, of an image."""
    price: str = ""
    """What it costs now, `12.00 EUR`, or empty."""


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
        row["sku"]: Shown(
            sku=row["sku"],
            title=title,
            url=product_url(row["url"]),
            image_url=product_url(row["image_url"]),
            price=f"{row['price']} {row['currency']}" if row["price"] and row["currency"] else "",
        )
        for row in rows
        if (title := product_title(row["title"]))
    }
    shown = {
        customer: [known[sku] for sku in dict.fromkeys(some) if sku in known][:k]
        for customer, some in wanted.items()
    }
    return {customer: some for customer, some in shown.items() if some}


@dataclass(frozen=True, kw_only=True)
class Showcase:
    """The products in the mails of one campaign type. They are found anew each time they are needed: what
    the shop no longer sells is promised to nobody, and whom nothing is found for is not written to.
    """

    campaign_type: str
    find: Callable[[Context, Sequence[int]], Awaitable[dict[int, list[Shown]]]]
    """Customers -> what to show them; who gets nothing is left out."""
    slots: Callable[[Sequence[Shown], str], dict[str, str]]
    """Products (none: a preview) and the shop's address -> the slots of the mail."""
    nothing: Verdict
    """What is said where nothing is found."""

    async def fill(
        self, ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
    ) -> list[MessageVars]:
        """`template_vars`: `values` with the slots of its own mails; others are left as they are."""
        found = await self._for(ctx, batch)
        return [
            msgspec.structs.replace(
                one,
                slots={
                    **one.slots,
                    **self.slots(
                        found.get(mail.customer_id, []), str(one.slots.get("shop_url", ""))
                    ),
                },
            )
            if mail.campaign_type == self.campaign_type
            else one
            for mail, one in zip(batch, values, strict=True)
        ]

    async def judge(self, ctx: Context, batch: Sequence[Outgoing]) -> list[Verdict]:
        """`compliance_rules`: `nothing` where nothing is found; nothing is said of others' mails."""
        found = await self._for(ctx, batch)
        return [
            self.nothing
            if mail.campaign_type == self.campaign_type and mail.customer_id not in found
            else _ALLOWED
            for mail in batch
        ]

    async def note(self, ctx: Context, events: Sequence[Event]) -> None:
        """A handler of `MessagesAccepted`: the recommenders are told, so that it is not shown again soon."""
        ids = [
            customer
            for event in events
            if isinstance(event, MessagesAccepted) and event.campaign_type == self.campaign_type
            for customer in event.customer_ids
        ]
        found = await self.find(ctx, ids) if ids else {}
        if found:
            shown = [(customer, one.sku) for customer, some in found.items() for one in some]
            await note_offers(ctx, shown)

    async def _for(self, ctx: Context, batch: Sequence[Outgoing]) -> dict[int, list[Shown]]:
        ids = [mail.customer_id for mail in batch if mail.campaign_type == self.campaign_type]
        return await self.find(ctx, ids) if ids else {}


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
