"""Who may be written to, judged from consent, evidence and suppression alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from kernel.contracts.delivery import Outgoing, Recipient
from plugins.compliance.consent import Suppressed, judge, of_person
from plugins.compliance.manifest import ComplianceSettings

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
GIVEN = NOW - timedelta(days=100)


def person(**fields: Any) -> Recipient:
    base: dict[str, Any] = {
        "customer_id": 1,
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Byron",
        "country": "DE",
        "timezone": "",
        "locale": "",
        "email_consent": "subscribed",
        "consent_at": GIVEN,
        "consent_source": "checkout",
        "orders_count": 0,
        "last_order_at": None,
    }
    return Recipient(**{**base, **fields})


def verdict(who: Recipient, listed: Suppressed | None = None, **settings: Any) -> tuple[str, str]:
    found = of_person(ComplianceSettings(**settings), who, listed, NOW)
    return found.outcome, found.rule.removeprefix("compliance.")


def test_subscribed_with_evidence_may_be_written_to() -> None:
    assert verdict(person()) == ("allowed", "")


@pytest.mark.parametrize("state", ["unsubscribed", "pending", "never", "unknown", "whatever"])
def test_anything_but_subscribed_may_not(state: str) -> None:
    for country in ("DE", "US", ""):
        assert verdict(person(email_consent=state, country=country)) == ("suppressed", "consent")


@pytest.mark.parametrize("email", [None, ""])
def test_no_address(email: str | None) -> None:
    assert verdict(person(email=email)) == ("suppressed", "no_address")


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@example.com, eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "Ada <ada@example.com>",
        "ada@eve@example.com",
        "a" * 250 + "@example.com",
        "ada\u202e@example.com",
    ],
)
def test_what_is_no_address_is_never_handed_over(email: str) -> None:
    assert verdict(person(email=email)) == ("suppressed", "bad_address")


@pytest.mark.parametrize("email", ["ada+shop@example.co.uk", "ö@bücher.example", "o'neil@x.ie"])
def test_unusual_addresses_are_addresses(email: str) -> None:
    assert verdict(person(email=email)) == ("allowed", "")


@pytest.mark.parametrize("country", ["DE", "GB", "CA", "FR", "AU", "", "Germany", "XX"])
@pytest.mark.parametrize("lacking", [{"consent_at": None}, {"consent_source": " "}])
def test_without_evidence_nothing_goes_out(country: str, lacking: dict[str, Any]) -> None:
    assert verdict(person(country=country, **lacking)) == ("suppressed", "evidence")


@pytest.mark.parametrize("country", ["US", "us"])
def test_without_evidence_a_subscription_counts_in_the_united_states(country: str) -> None:
    who = person(country=country, consent_at=None, consent_source="")
    assert verdict(who) == ("allowed", "")
    assert verdict(who, lenient_countries=()) == ("suppressed", "evidence")


def test_the_reason_says_what_is_missing() -> None:
    found = of_person(ComplianceSettings(), person(country="", consent_at=None), None, NOW)
    assert found.reason == (
        "Consent is on record, but not when it was given, which is needed where the country is "
        "unknown."
    )


BUYER = {
    "email_consent": "never",
    "orders_count": 1,
    "last_order_at": NOW - timedelta(days=30),
    "consent_at": None,
    "consent_source": "",
}


def test_soft_opt_in_is_off_unless_chosen() -> None:
    assert verdict(person(**BUYER)) == ("suppressed", "consent")
    assert verdict(person(**BUYER), soft_opt_in=True) == ("allowed", "")


@pytest.mark.parametrize(
    "change",
    [
        {"email_consent": "unsubscribed"},
        {"email_consent": "pending"},
        {"country": ""},
        {"orders_count": 0},
        {"last_order_at": None},
        {"last_order_at": NOW - timedelta(days=800)},
    ],
)
def test_soft_opt_in_has_its_limits(change: dict[str, Any]) -> None:
    assert verdict(person(**{**BUYER, **change}), soft_opt_in=True) == ("suppressed", "consent")


@pytest.mark.parametrize("reason", ["unsubscribed", "complained", "bounced", "erased", "manual"])
def test_the_suppression_list_overrules_an_older_consent(reason: str) -> None:
    listed = Suppressed(reason=reason, at=NOW - timedelta(days=1))
    assert verdict(person(), listed) == ("suppressed", "suppression")
    assert verdict(person(country="US"), listed) == ("suppressed", "suppression")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("unsubscribed", "allowed"),
        ("erased", "allowed"),
        ("complained", "suppressed"),
        ("bounced", "suppressed"),
        ("manual", "suppressed"),
    ],
)
def test_a_later_consent_with_evidence_overrules_what_was_the_persons_own_choice(
    reason: str, outcome: str
) -> None:
    listed = Suppressed(reason=reason, at=GIVEN - timedelta(days=1))
    assert verdict(person(), listed)[0] == outcome
    assert verdict(person(consent_source=""), listed)[0] == "suppressed"
    assert verdict(person(country="US", consent_at=None), listed)[0] == "suppressed"


@pytest.mark.parametrize(
    ("country", "source", "days", "expected"),
    [
        ("CA", "contact form", 150, "allowed"),
        ("CA", "contact form", 190, "suppressed"),
        ("CA", "checkout", 2000, "allowed"),
        ("DE", "contact form", 190, "allowed"),
    ],
)
def test_casl_an_inquiry_counts_for_six_months(
    country: str, source: str, days: int, expected: str
) -> None:
    """CASL s. 10(10)(e): computed at the time of sending. Express consent does not expire."""
    at = NOW - timedelta(days=days)
    who = person(country=country, consent_source=source, consent_at=at)
    assert verdict(who)[0] == expected


@pytest.mark.parametrize(("days", "expected"), [(700, "allowed"), (760, "suppressed")])
def test_casl_a_purchase_counts_for_two_years(days: int, expected: str) -> None:
    """CASL s. 10(10)(a)."""
    at = NOW - timedelta(days=days)
    who = person(country="CA", email_consent="never", orders_count=1, last_order_at=at)
    assert verdict(who, soft_opt_in=True)[0] == expected


def test_the_words_agreed_to_may_be_required() -> None:
    """GDPR Art. 7(1): the controller must be able to demonstrate consent."""
    assert verdict(person()) == ("allowed", "")
    assert verdict(person(), require_wording=True) == ("suppressed", "wording")
    assert verdict(person(consent_wording="2026-01"), require_wording=True) == ("allowed", "")
    assert verdict(person(country="US"), require_wording=True) == ("allowed", "")


def mail(**fields: Any) -> Outgoing:
    base: dict[str, Any] = {
        "id": UUID(int=1),
        "campaign_id": UUID(int=2),
        "campaign_type": "confirm",
        "customer_id": 1,
        "step": 0,
        "recipient": person(email_consent="pending", consent_at=None, consent_source=""),
        "proposed_at": NOW,
    }
    return Outgoing(**{**base, **fields})


def test_what_was_asked_for_needs_no_subscription() -> None:
    """CAN-SPAM 15 USC 7702(17): transactional mail is exempt from the opt-out, from nothing else."""
    rules = ComplianceSettings()
    assert judge(rules, mail(), (), NOW).rule == "compliance.consent"
    assert judge(rules, mail(transactional=True), (), NOW).outcome == "allowed"
    for reason, outcome in (
        ("unsubscribed", "allowed"), ("complained", "suppressed"), ("bounced", "suppressed"),
        ("erased", "suppressed"), ("manual", "suppressed"),
    ):  # fmt: skip
        listed = [Suppressed(reason=reason, at=NOW)]  # type: ignore[arg-type]
        assert judge(rules, mail(transactional=True), listed, NOW).outcome == outcome, reason
    nobody = mail(transactional=True, recipient=person(email=None))
    assert judge(rules, nobody, (), NOW).rule == "compliance.no_address"
