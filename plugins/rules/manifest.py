"""Facts about the rules plugin, and the thresholds a merchant may move."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest

Days = Annotated[float, Meta(ge=0, le=3650)]
Share = Annotated[float, Meta(ge=0, le=1)]
Tone = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Names = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...], Meta(max_length=20)
]


class RulesSettings(Frozen):
    """When to write, in which tone, and with what offer. The first rule that applies decides, from top
    to bottom; an offer is looked for once the tone is found.
    """

    ignored_mails: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Do not write after so many mails in 30 days without one click in 90. 0: off.",
        ),
    ] = 4
    silent_days: Annotated[
        Days,
        Meta(
            description="Do not write to someone known for longer than this many days who never "
            "ordered and has not clicked in 90 days: too few signals. 0: off.",
        ),
    ] = 180.0
    returned_share: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="Do not write to someone with two or more returns, if there are at least so "
            "many returns for each order (0.8 is four for five orders). 0: off.",
        ),
    ] = 0.8
    preference: Annotated[
        Names,
        Meta(
            description="Campaign types, the one that goes first at the front: a customer who stands in "
            "two campaigns of a day is left to the one that stands further in front here. Types that "
            "are not named come last.",
        ),
    ] = ("welcome", "winback", "upsell", "recommend", "reengage")
    rest_days: Annotated[
        Days,
        Meta(description="Do not write to someone who had a mail within so many days."),
    ] = 3.0
    wait_days: Annotated[
        Days,
        Meta(
            description="Wait until that rest is over, if it ends within so many days of the campaign's "
            "proposal; else do not write. 0: never wait.",
        ),
    ] = 5.0
    short_days: Annotated[
        Days,
        Meta(description="Had a mail within so many days: use the short tone. 0: off."),
    ] = 14.0
    short_tone: Annotated[Tone, Meta(description="The tone for those who had a mail recently.")] = (
        "conversational"
    )
    best_segments: Annotated[
        Names,
        Meta(
            description="Segments that buy anyway: the tone for loyal customers, and never an offer."
        ),
    ] = ("Champions", "Loyal")
    promising_tone: Annotated[Tone, Meta(description="The tone for the segment Promising.")] = (
        "conversational"
    )
    at_risk_tone: Annotated[Tone, Meta(description="The tone for the segment At Risk.")] = (
        "friendly"
    )
    lost_tone: Annotated[Tone, Meta(description="The tone for the segment Lost.")] = "professional"
    loyal_orders: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Where no segment is known, loyal is who ordered so many times. 0: off.",
        ),
    ] = 3
    loyal_spent: Annotated[
        float,
        Meta(
            ge=0,
            description="Where no segment is known, loyal is also who spent so much, in the shop's "
            "currency. 0: off.",
        ),
    ] = 500.0
    loyal_tone: Annotated[Tone, Meta(description="The tone for loyal customers.")] = "friendly"
    new_days: Annotated[
        Days,
        Meta(
            description="Known for no longer than so many days: use the tone for new customers. 0: off."
        ),
    ] = 30.0
    new_tone: Annotated[Tone, Meta(description="The tone for new customers.")] = "friendly"
    usual_tone: Annotated[Tone, Meta(description="The tone for everyone else.")] = "professional"
    offer_types: Annotated[
        Names, Meta(description="Campaign types in which an offer may be made. Empty: none.")
    ] = ("winback", "reengage")
    offer_probability: Annotated[
        Share,
        Meta(
            description="Make an offer to someone whose chance of no further order is at least this. 0: "
            "this is no reason.",
        ),
    ] = 0.8
    offer_overdue: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Make an offer to someone whose last order is so many of their usual pauses "
            "ago. 0: this is no reason.",
        ),
    ] = 3.0
    urgent_overdue: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="With an offer, say when it ends first (tone urgent) to someone whose last order "
            "is so many of their usual pauses ago. 0: never.",
        ),
    ] = 5.0
    explore_share: Annotated[
        float,
        Meta(
            ge=0,
            le=0.2,
            description="The share of mails that use another tone than the table says, so that it can be "
            "learned which one works. Never another offer than the table allows. 0: off.",
        ),
    ] = 0.02


MANIFEST = Manifest(
    name="rules",
    version="2.0.0",
    title="Rules",
    summary="Decides whom to write to, in which tone and with what offer, by a table you can change.",
    kind="decider",
    # Rules answer last: what a better decider has answered stands.
    order=90,
    settings=RulesSettings,
    pages=(AdminPage(title="Rules", group="deciding"),),
    docs="plugins/rules/README.md",
)
