"""The columns that say who: ids, addresses, names and countries, the same in every kind of file."""

from __future__ import annotations

import re

import polars as pl

from kernel.sdk import InvalidInput
from plugins.files import values
from plugins.files.ledger import How, Ledger

_RESERVED = r"@(?:[a-z0-9-]+\.)*(?:example\.(?:com|org|net)|[a-z0-9-]+\.(?:example|invalid|test))$"
WHO = ("customer", "email", "first_name", "last_name", "country")


def read_people(frame: pl.DataFrame, how: How, ledger: Ledger) -> pl.DataFrame:
    """The columns WHO in the order of `frame`, without nulls except of email."""
    none = pl.Series(dtype=pl.String).extend_constant("", frame.height)

    def column(name: str, longest: int) -> pl.Series:
        return ledger.words(values.text(frame[name]), longest) if name in frame.columns else none

    customer = none
    if "customer_id" in frame.columns:
        customer = ledger.words(values.identifier(frame["customer_id"]), 10_000)
    email = values.nothing(frame.height)
    if "email" in frame.columns:
        said = values.email(frame["email"])
        email = said["email"]
        ledger.notice("email_invalid", int(said["invalid"].sum()))
        ledger.notice("several_emails", int(said["several"].sum()))
    first, last, country = (
        column("first_name", 100),
        column("last_name", 100),
        column("country", 60),
    )
    if "name" in frame.columns:
        words = column("name", 200).str.splitn(" ", 2).struct.unnest()
        bare = (first == "") & (last == "")
        first = first.zip_with(~bare, words["field_0"].fill_null(""))
        last = last.zip_with(~bare, words["field_1"].fill_null("").str.strip_chars())
    if "country" in frame.columns:
        country = values.by_value(country, lambda names: _country(names, how))
    return pl.DataFrame(dict(zip(WHO, (customer, email, first, last, country), strict=True)))


def _country(names: pl.Series, how: How) -> pl.Series:
    table = how.mapping.country_names
    code = names.str.to_uppercase()
    code = names.zip_with(~code.str.contains(r"^[A-Z]{2}$"), code)
    return code.replace(list(table), list(table.values())) if table else code


def check_template(template: str) -> None:
    """Raises InvalidInput when mail to addresses made with `template` could reach anybody."""
    rest = template.replace("{customer_id}", "1")
    if template.count("{customer_id}") != 1 or re.search(r"[{}\s]", rest):
        raise InvalidInput(
            f"`{template}` is no template for addresses.",
            "It must hold {customer_id} once: customer-{customer_id}@example.com.",
        )
    if rest.count("@") != 1 or not re.search(_RESERVED, rest.lower()):
        raise InvalidInput(
            f"`{template}` would make addresses that may belong to somebody.",
            "Use a reserved domain: example.com, example.org, example.net, or one that ends in "
            ".example, .invalid or .test.",
        )


def with_addresses(people: pl.DataFrame, template: str, ledger: Ledger) -> pl.DataFrame:
    """`people` with an address made by the template for each customer that has none; nothing is
    changed without a template. An id that cannot be part of an address gets none.
    """
    if not template:
        return people
    before, _, after = template.lower().partition("{customer_id}")
    wanted = pl.col("email").is_null() & (pl.col("customer") != "")
    fits = pl.col("customer").str.contains(r"^[A-Za-z0-9._-]{1,40}$")
    ledger.notice("emails_made", people.filter(wanted & fits)["customer"].n_unique())
    ledger.notice("emails_not_made", people.filter(wanted & ~fits)["customer"].n_unique())
    made = pl.concat_str(pl.lit(before), pl.col("customer").str.to_lowercase(), pl.lit(after))
    return people.with_columns(email=pl.when(wanted & fits).then(made).otherwise("email"))
