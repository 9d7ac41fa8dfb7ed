"""Facts about the compliance plugin, and what a merchant may choose within the law."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest

Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="Two capital letters, such as US")]


class ComplianceSettings(Frozen):
    """How consent is judged. The defaults are the strictest reading of all the laws we know."""

    lenient_countries: Annotated[
        tuple[Country, ...],
        Meta(
            description="Countries in which a subscription counts although it is not recorded when "
            "and where it was given. Everywhere else, and where the country is unknown, such "
            "customers are not written to.",
        ),
    ] = ("US",)
    require_wording: Annotated[
        bool,
        Meta(
            description="Write only to those of whom it is on record which words they agreed to (outside "
            "of lenient_countries). Few shops can say that of older subscriptions: off, it is a warning "
            "on the campaign.",
        ),
    ] = False
    sensitive_topics: Annotated[
        tuple[Literal["health", "minors", "politics", "religion"], ...],
        Meta(
            description="Subjects that mails may speak of, since a person has looked at it: a pharmacy "
            "speaks of health. Mails about the others are not sent.",
        ),
    ] = ()
    soft_opt_in: Annotated[
        bool,
        Meta(
            description="Also write to customers who bought but never subscribed. Lawful only where "
            "the shop offered to refuse at every sale, and for similar products; not where the "
            "country is unknown. Ask your lawyer first.",
        ),
    ] = False
    soft_opt_in_months: Annotated[
        int,
        Meta(
            ge=1,
            le=24,
            description="How long after the last order such a customer may be written to.",
        ),
    ] = 24
    extended_days: Annotated[
        int,
        Meta(
            ge=1,
            le=365,
            description="For so many days after an offer was announced as ending (“last chance”), no mail "
            "to the same customer, or with the same code, may announce the end of the same offer again "
            "with a later date.",
        ),
    ] = 30
    unsubscribe_mailbox: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)+)?$",
            description="The host on which replies arrive, such as reply.shop.example. Mails then also "
            "name an address there that unsubscribes. Empty: by link only.",
        ),
    ] = ""
    double_opt_in: Annotated[
        tuple[Country, ...],
        Meta(
            description="Countries in which a subscription counts only once its owner has confirmed it "
            "by the link in a mail.",
        ),
    ] = ("DE",)
    double_opt_in_from: Annotated[
        str,
        Meta(
            pattern=r"^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$",
            description="The first day on which new subscriptions are asked to be confirmed, such as "
            "2027-01-01. Empty: never. What was there before stays as it is.",
        ),
    ] = ""
    ignore_unreadable: Annotated[
        bool,
        Meta(
            description="Send although part of the suppression list was sealed with a secret that "
            "this installation no longer has. Those addresses can no longer be recognised.",
        ),
    ] = False


MANIFEST = Manifest(
    name="compliance",
    version="1.0.0",
    title="Compliance",
    summary="Checks consent, keeps the suppression list, and puts address and one-click unsubscribe "
    "into every mail.",
    kind="gate",
    order=10,
    settings=ComplianceSettings,
    tables=("compliance_closing",),
    piccolo_app="plugins.compliance.piccolo_app",
    personal_data=True,
    pages=(
        AdminPage(title="Law and rules", path="rules", group="compliance"),
        AdminPage(title="Suppression list", path="suppressions", group="compliance"),
        AdminPage(title="Consent ledger", path="ledger", group="compliance"),
    ),
    docs="plugins/compliance/README.md",
)
