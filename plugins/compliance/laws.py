"""What the laws ask, country by country, as a table: read it from left to right. Not legal advice."""

from __future__ import annotations

from typing import Literal

from kernel.sdk import Frozen


class Law(Frozen):
    """The law of one country or group of countries, as far as the gate can check it."""

    name: str
    statutes: str
    countries: tuple[str, ...]
    existing_customers: bool
    """Whether who bought may be written to without having subscribed, on conditions (soft opt-in)."""
    purchase_months: int = 24
    """For how long a purchase carries that: computed at the time of sending."""
    inquiry_months: int = 0
    """For how long a mere inquiry counts; 0: it never does."""
    evidence: bool = True
    """Whether when and where consent was given must be on record."""
    tracking: Literal["consent", "opt_out"] = "consent"
    """What an open pixel needs."""
    advertisement: bool = False
    """Whether mail without affirmative consent must say that it is an advertisement."""
    honour_days: int = 0
    """Days in which an opt-out must be honoured; ours is honoured in the same transaction."""


EEA = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip

# fmt: off
US = Law(name="United States", statutes="CAN-SPAM; state laws on subject lines (Washington CEMA)",
         countries=("US",), existing_customers=True, evidence=False, tracking="opt_out",
         advertisement=True, honour_days=10)
EU = Law(name="EU and EEA", statutes="GDPR Art. 6, 7, 21; ePrivacy Directive Art. 5(3), 13",
         countries=EEA, existing_customers=True)
UK = Law(name="United Kingdom", statutes="UK GDPR; PECR reg. 6, 22; DUAA 2025",
         countries=("GB", "UK"), existing_customers=True)
CA = Law(name="Canada", statutes="CASL s. 6, 10, 11", countries=("CA",), existing_customers=True,
         inquiry_months=6, honour_days=10)
AU = Law(name="Australia", statutes="Spam Act 2003 s. 16 to 18", countries=("AU",),
         existing_customers=True, tracking="opt_out", honour_days=5)
CH = Law(name="Switzerland", statutes="UWG Art. 3(1)(o); revFADP", countries=("CH",),
         existing_customers=True)
UNKNOWN = Law(name="Unknown or another country", statutes="the strictest of all above", countries=(),
              existing_customers=False, advertisement=True, honour_days=5)
# fmt: on

LAWS = (US, EU, UK, CA, AU, CH, UNKNOWN)
_BY_COUNTRY = {country: law for law in LAWS for country in law.countries}


def law_of(country: str) -> Law:
    """The law of a customer's country; the strictest where it is unknown or not in the table."""
    return _BY_COUNTRY.get(country.strip().upper(), UNKNOWN)
