"""What is told of a mail before its campaign is approved: claims that would hold it, and products that are not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import Finding, Findings
from plugins.compliance import catalogue, claims
from plugins.compliance.facts import facts_of
from plugins.compliance.frame import frame_of, literal, shop_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.sdk import Context, Outgoing, Rendered
    from plugins.compliance.facts import Facts
    from plugins.compliance.frame import Shop


async def of(ctx: Context, batch: Sequence[Outgoing]) -> list[Findings]:
    """One for each mail, in their order; two queries in all."""
    shop, facts = shop_of(ctx), facts_of(ctx)
    mails = [message.rendered for message in batch]
    words = {id(mail): _words(mail) for mail in mails if mail is not None}
    names = {
        name
        for text in words.values()
        for name in (
            *catalogue.grams(text),
            *(catalogue.key(one) for one, _ in catalogue.quoted(text)),
        )
    }
    names |= {
        name
        for mail in mails
        if mail
        for claim in _claims(shop, mail)
        for name in catalogue.grams(claim.near, 1)
    }
    facts.products = await catalogue.find(ctx, names)
    known = await catalogue.has_products(ctx)
    return [
        Findings()
        if mail is None
        else Findings(found=(*_held(shop, mail, facts), *_products(words[id(mail)], facts, known)))
        for mail in mails
    ]


def _words(mail: Rendered) -> str:
    subject, _, text = literal(mail)
    return f"{subject}\n\n{text}"


def _claims(shop: Shop, mail: Rendered) -> tuple[claims.Claim, ...]:
    return frame_of(shop, mail, str(mail.slots.get("unsubscribe_url", ""))).said.claims


def _held(shop: Shop, mail: Rendered, facts: Facts) -> Iterator[Finding]:
    told: set[str] = set()
    for claim in _claims(shop, mail):
        if claim.said in told or claims.backed(claim, mail.slots, facts):
            continue
        told.add(claim.said)
        if claim.near and catalogue.contradiction(claim.near, claim.said, facts):
            yield Finding(
                severity="block",
                rule="price",
                sentence=claims.sentence(claim, facts),
                advice="It is held against the catalogue as it was last imported.",
            )
        else:
            yield Finding(
                severity="warn",
                rule=claim.rule,
                sentence=claims.sentence(claim, facts),
                advice="As it stands, the mail would be held when it is to go out.",
            )


def _products(text: str, facts: Facts, known: bool) -> Iterator[Finding]:
    quoted = dict(catalogue.quoted(text))
    named = {catalogue.key(name) for name in quoted}
    for product in catalogue.near(text, facts):
        said = catalogue.key(product.title) in named or catalogue.written(product.title, text)
        if said and product.state != "on sale":
            yield Finding(
                severity="warn",
                rule="product",
                sentence=f"The mail names “{product.title}”, which is {product.state}.",
                advice="Name another, or wait until it is back.",
            )
    for name, sentence in quoted.items():
        if known and catalogue.key(name) not in facts.products and catalogue.looks_sold(sentence):
            yield Finding(
                severity="warn",
                rule="product",
                sentence=f"“{name}” is no product of the catalogue.",
                advice="Correct the name, or bring the catalogue up to date.",
            )
