"""Facts about the discounts plugin: the guardrails a merchant sets."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class DiscountsSettings(Frozen):
    """What may be offered, to whom, how often, and for how much in all."""

    max_percent: Annotated[
        float, Meta(ge=0, le=100, description="No offer above so many percent. 0: none by percent.")
    ] = 15.0
    max_amount: Annotated[
        float,
        Meta(
            ge=0,
            le=1e6,
            description="No offer above this amount, in your currency. 0: none by amount.",
        ),
    ] = 10.0
    margin_floor: Annotated[
        float,
        Meta(
            ge=0,
            le=95,
            description="Percent of the discounted price that must remain after what the goods cost "
            "you. 0: not looked at.",
        ),
    ] = 0.0
    assumed_margin: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Margin in percent of the full price, where nothing that a customer bought "
            "has a known cost. 0: not assumed, and the floor holds only where costs are known.",
        ),
    ] = 0.0
    cooldown_days: Annotated[
        float,
        Meta(
            ge=0,
            le=3650,
            description="Days after an offer in which the same customer gets no other, so that "
            "nobody learns to wait for one.",
        ),
    ] = 45.0
    ceiling_offers: Annotated[
        int,
        Meta(ge=0, le=1000, description="Offers one customer may get in the days below. 0: none."),
    ] = 3
    ceiling_days: Annotated[
        float, Meta(gt=0, le=3650, description="How many days that ceiling counts.")
    ] = 365.0
    never_segments: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...],
        Meta(max_length=50, description="Segments whose customers never get an offer."),
    ] = ("Champions",)
    min_orders: Annotated[
        int, Meta(ge=0, le=10_000, description="Only customers with at least so many orders.")
    ] = 0
    max_orders: Annotated[
        int, Meta(ge=0, le=10_000, description="Only customers with at most so many. 0: no limit.")
    ] = 0
    daily_budget: Annotated[
        float,
        Meta(
            ge=0, le=1e9, description="What offers of one day may cost in all. 0: no daily limit."
        ),
    ] = 200.0
    monthly_budget: Annotated[
        float,
        Meta(
            ge=0,
            le=1e9,
            description="What offers of one month may cost in all. 0: no monthly limit.",
        ),
    ] = 2000.0
    reserve: Annotated[
        Literal["expected", "most"],
        Meta(
            description="What is set aside for a percentage: of the customer's expected order "
            "(`expected`), or of the largest order below (`most`)."
        ),
    ] = "expected"
    max_order_value: Annotated[
        float,
        Meta(gt=0, le=1e6, description="The largest order a percentage is reckoned on."),
    ] = 500.0
    assumed_order_value: Annotated[
        float,
        Meta(gt=0, le=1e6, description="The expected order of a customer who has not ordered yet."),
    ] = 60.0
    valid_days: Annotated[
        int,
        Meta(
            ge=1,
            le=365,
            description="Whole days a code is valid after the day it is decided or planned for.",
        ),
    ] = 14
    combines: Annotated[
        bool, Meta(description="Codes may be combined with other discounts of the shop.")
    ] = False
    prefix: Annotated[
        str,
        Meta(pattern=r"^[A-Z0-9]{0,10}$", description="Codes begin with it: capitals and digits."),
    ] = ""


MANIFEST = Manifest(
    name="discounts",
    version="1.0.0",
    title="Discounts",
    summary="Says which offers may be made and what they may cost, and keeps the book of codes.",
    kind="gate",
    order=40,
    settings=DiscountsSettings,
    tables=("discounts_code", "discounts_budget"),
    piccolo_app="plugins.discounts.piccolo_app",
    personal_data=True,
    pages=(AdminPage(title="Codes", group="deciding"),),
    docs="plugins/discounts/README.md",
)
