"""Product names in a mail, held against the tenant's catalogue."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.compliance import seen
from plugins.compliance.facts import Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kernel.sdk import Context
    from plugins.compliance.facts import Facts

WORD = re.compile(r"[^\W_]+")
LONGEST = 10
"""Words of a title that are looked for."""
SHORT = 2
"""A title of fewer words names a product only where it is quoted: `Classic` is a word as well."""

# Titles as their words, like `grams` below. What is said of a title is said of all its SKUs.
_FIND = """
SELECT name, min(title) AS title, max(currency) AS currency,
  array_agg(DISTINCT price) FILTER (WHERE status = 'active' AND price IS NOT NULL) AS prices,
  bool_or(status = 'active') AS listed,
  bool_or(status = 'active' AND coalesce(inventory, 1) > 0) AS there
FROM (SELECT *, trim(regexp_replace(lower(normalize(title, NFKC)), '[^[:alnum:]]+', ' ', 'g')) AS name
      FROM profiles_product WHERE tenant_id = $1 AND is_product) p
WHERE name = ANY($2::text[]) GROUP BY name
"""


async def find(ctx: Context, names: Iterable[str]) -> dict[str, Product]:
    """The products among these names (`key`), each with what the catalogue says of all its SKUs."""
    asked = sorted(set(names))
    if not asked:
        return {}
    rows = await ctx.db.fetch(_FIND, ctx.tenant.id, asked)
    return {row["name"]: _product(row) for row in rows}


def _product(row: Any) -> Product:
    state = "on sale" if row["there"] else "sold out" if row["listed"] else "withdrawn"
    return Product(row["title"], frozenset(row["prices"] or ()), row["currency"], state)


def key(text: str) -> str:
    """The words of a title, by which it is compared."""
    return " ".join(WORD.findall(seen.plain(text)))


def grams(text: str, least: int = SHORT) -> Iterator[str]:
    """Every run of words that may be a title."""
    found = WORD.findall(seen.plain(text))
    for at in range(len(found)):
        for size in range(least, min(LONGEST, len(found) - at) + 1):
            yield " ".join(found[at : at + size])


def near(text: str, facts: Facts) -> list[Product]:
    """The products that a sentence names, the longest titles first: what lies in a longer one is not named."""
    names = [name for name in grams(text, 1) if name in facts.products]
    names.sort(key=len, reverse=True)
    kept: list[str] = []
    for name in dict.fromkeys(names):
        if not any(f" {name} " in f" {longer} " for longer in kept):
            kept.append(name)
    return [facts.products[name] for name in kept]


def sells(text: str, amount: tuple[str, Decimal], facts: Facts) -> bool:
    """Whether a product that the sentence names has this price. Notes the sentence, to be looked up."""
    facts.asked.add(text)
    return any(
        amount[1] in product.prices and _unit_fits(amount[0], product.currency or facts.currency)
        for product in near(text, facts)
    )


def _unit_fits(unit: str, currency: str) -> bool:
    return unit.upper() in ("", currency.upper()) or (
        unit == "$" and currency in ("USD", "CAD", "AUD")
    )


def contradiction(text: str, said: str, facts: Facts) -> str:
    """What the catalogue says against a price; empty where the sentence names none of its products."""
    found = next((one for one in near(text, facts) if one.prices), None)
    if found is None:
        return ""
    prices = " or ".join(f"{price:.2f}" for price in sorted(found.prices)[:3])
    return (
        f"names “{found.title}” at {said}; the catalogue says {prices} "
        f"{found.currency or facts.currency}. Correct the price, or the product."
    )
