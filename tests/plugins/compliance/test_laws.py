"""The table of laws: no country twice, and whoever is not in it is judged by the strictest."""

from __future__ import annotations

import pytest

from plugins.compliance.laws import LAWS, UNKNOWN, law_of


def test_no_country_has_two_laws() -> None:
    listed = [country for law in LAWS for country in law.countries]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("country", ["", "??", "XX", "ZZ"])
def test_the_unknown_is_as_strict_as_the_strictest(country: str) -> None:
    law = law_of(country)
    assert law is UNKNOWN
    assert law.evidence and not law.existing_customers and law.tracking == "consent"
    assert law.advertisement == any(one.advertisement for one in LAWS)
    assert law.inquiry_months == 0
    assert law.honour_days == min(one.honour_days for one in LAWS if one.honour_days)


def test_casl_implied_consent_expires() -> None:
    law = law_of("ca")
    assert (law.purchase_months, law.inquiry_months) == (24, 6)
