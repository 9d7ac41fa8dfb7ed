"""Facts about the rules plugin, and the thresholds a merchant may move."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest

Days = Annotated[float, Meta(ge=0, le=3650)]
Tone = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class RulesSettings(Frozen):
    """When to write, and in which tone. The first rule that applies decides, from top to bottom."""

    rest_days: Annotated[
        Days,
        Meta(description="Do not write to someone who had a mail within so many days."),
    ] = 3.0
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
    short_days: Annotated[
        Days,
        Meta(description="Had a mail within so many days: use the short tone. 0: off."),
    ] = 14.0
    short_tone: Annotated[Tone, Meta(description="The tone for those who had a mail recently.")] = (
        "short"
    )
    loyal_orders: Annotated[
        int,
        Meta(ge=0, le=10_000, description="Loyal is who ordered so many times. 0: off."),
    ] = 3
    loyal_spent: Annotated[
        float,
        Meta(
            ge=0,
            description="Loyal is also who spent so much, in the shop's currency. 0: off.",
        ),
    ] = 500.0
    loyal_tone: Annotated[Tone, Meta(description="The tone for loyal customers.")] = "warm"
    new_days: Annotated[
        Days,
        Meta(
            description="Known for no longer than so many days: use the tone for new customers. 0: off."
        ),
    ] = 30.0
    new_tone: Annotated[Tone, Meta(description="The tone for new customers.")] = "warm"
    usual_tone: Annotated[Tone, Meta(description="The tone for everyone else.")] = "plain"


MANIFEST = Manifest(
    name="rules",
    version="1.0.0",
    title="Rules",
    summary="Decides whom to write to, and in which tone, by a table of rules you can change.",
    kind="decider",
    # Rules answer last: what a better decider has answered stands.
    order=90,
    settings=RulesSettings,
    docs="plugins/rules/README.md",
)
