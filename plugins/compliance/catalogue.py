"""Product names in a mail, held against the tenant's catalogue."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.compliance import seen
from plugins.compliance.claim_words import AMOUNT as PRICE
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
    return Product(
        row["title"],
        frozenset(row["prices"] or ()),
        row["currency"],
        "on sale" if row["there"] else "sold out" if row["listed"] else "withdrawn",
    )


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
    """The products that a text names, the longest titles first: what stands within a longer one is not named."""
    left = f" {key(text)} "
    found = []
    for name in sorted(
        {one for one in grams(text, 1) if one in facts.products}, key=len, reverse=True
    ):
        if f" {name} " in left:
            found.append(facts.products[name])
            left = left.replace(f" {name} ", " | ")
    return found


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


async def has_products(ctx: Context) -> bool:
    """Whether the shop's products are known at all."""
    found: bool = await ctx.db.fetchval(
        "SELECT EXISTS (SELECT FROM profiles_product WHERE tenant_id = $1 AND is_product)",
        ctx.tenant.id,
    )
    return found


def written(title: str, text: str) -> bool:
    """Whether the text names the title as a title: its words in its own letters, so that `Good morning` is no
    tea called Good Morning.
    """
    words = WORD.findall(seen.fold(title))
    pattern = r"(?<!\w)" + r"[\W_]+".join(map(re.escape, words)) + r"(?!\w)"
    return len(words) >= SHORT and bool(re.search(pattern, seen.fold(text)))


def quoted(text: str) -> Iterator[tuple[str, str]]:
    """What stands in quotation marks and looks like the name of a product that can be bought: the name, and
    its sentence. Citations, mottos, articles, and codes are none.
    """
    for line in re.split(r"(?<!\d)[.!?…](?=\s)|\n\s*\n", text):
        for found in QUOTED.finditer(line):
            name = next(filter(None, found.groups())).strip()
            words = name.split()
            titled = all(word[0].isupper() or word[0].isdigit() for word in words if len(word) > 3)
            if (
                len(words) > 6
                or not titled
                or not name[0].isalnum()
                or re.search(r"[.!?…,;:]", name)
            ):
                continue
            yield name, line


QUOTED = re.compile(
    r"“([^“”„\n]{2,60})[”“]|„([^“”„\n]{2,60})[“”]|\"([^\"\n]{2,60})\"|«([^«»\n]{2,60})»|»([^«»\n]{2,60})«"
)
CUE = re.compile(
    r"(?<!\w)(?:buy|shop|order|pre-?order|our|new|back|in stock|available|kauf\w*|bestell\w*|unser\w*|neu\w*"
    r"|wieder da|lieferbar|erhältlich|verfügbar|achet\w+|command\w+|notre|nos|nouve\w+|de retour|disponibles?"
    r"|en stock)(?!\w)"
)
"""What stands beside the name of a product."""
NO_CUE = re.compile(
    r"(?<!\w)(?:says?|said|writes?|wrote|called us|sagt\w*|schreibt|schrieb|meint\w*|dit|écrit|motto|slogan|devise"
    r"|read|reading|blog\w*|article|guide|recipe|podcast|magazine|film|book|series|song|event|workshop|code|lesen"
    r"|artikel|beitrag|ratgeber|rezept|magazin|buch|serie|lied|lire|recette|livre|magazine|guide|chanson|award"
    r"|collection|kollektion|category|kategorie|catégorie|thema|theme|thème|button|page|seite)(?!\w)"
)
"""What says that it names something else."""


def looks_sold(sentence: str) -> bool:
    """Whether a sentence speaks of something to buy."""
    low = seen.plain(sentence)
    return bool(CUE.search(low) or PRICE.search(low)) and not NO_CUE.search(low)
