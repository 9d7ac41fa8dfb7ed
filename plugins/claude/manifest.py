"""Facts about the claude plugin, and what a merchant may choose."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import Frozen, Manifest

Model = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{2,59}$")]
Dollars = Annotated[float, Meta(ge=0, le=1000)]


class Price(Frozen):
    """US dollars for a million tokens; a batch costs `batch_share` of it."""

    input: Annotated[Dollars, Meta(description="Read for the first time, per million tokens.")]
    output: Annotated[Dollars, Meta(description="Written, per million tokens.")]
    cache_write: Annotated[Dollars, Meta(description="Kept for an hour, per million tokens.")]
    cache_read: Annotated[Dollars, Meta(description="Read again, per million tokens.")]


HAIKU = Price(input=0.10, output=0.50, cache_write=0.20, cache_read=0.01)
SONNET = Price(input=2.0, output=10.0, cache_write=4.0, cache_read=0.10)


class ClaudeSettings(Frozen):
    """How Claude is asked, and how much it may cost."""

    mode: Annotated[
        Literal["bucketed", "per_customer", "rules"],
        Meta(
            description="bucketed: one question for each kind of customer, applied to all of that kind. "
            "per_customer: one question for each customer. rules: Claude decides nothing."
        ),
    ] = "bucketed"
    write: Annotated[bool, Meta(description="Let Claude write the words of campaigns.")] = True
    daily_budget: Annotated[
        float,
        Meta(
            ge=0,
            le=100_000,
            description="US dollars that a day may cost. Near it, customers are decided by bucket, then "
            "by rules, and each decision says so.",
        ),
    ] = 5.0
    model_decide: Annotated[Model, Meta(description="The model that decides.")] = "claude-haiku-5-5"
    model_write: Annotated[Model, Meta(description="The model that writes.")] = "claude-sonnet-5-5"
    price_decide: Price = HAIKU
    price_write: Price = SONNET
    batch_share: Annotated[
        float, Meta(ge=0, le=1, description="What a batch costs, of the price above.")
    ] = 0.5
    direct_below: Annotated[
        int,
        Meta(
            ge=0,
            le=1001,
            description="per_customer: fewer customers than this are asked about at once, more in a batch "
            "at half the price, which takes up to a day.",
        ),
    ] = 200
    max_buckets: Annotated[
        int,
        Meta(
            ge=100,
            le=500,
            description="bucketed: the most kinds of customers in one campaign; each is one question, and "
            "one more where the answer could not be used.",
        ),
    ] = 400
    explore_percent: Annotated[
        float,
        Meta(
            ge=0,
            le=20,
            description="Of the decisions to send, so many percent try another tone, or less of an offer, "
            "so that the engine can learn what works.",
        ),
    ] = 5.0
    at_once: Annotated[
        int, Meta(ge=1, le=64, description="How many questions are under way at once.")
    ] = 16
    retries: Annotated[
        int,
        Meta(ge=0, le=5, description="How often a question that failed on its way is sent again."),
    ] = 2
    timeout: Annotated[
        float, Meta(gt=0, le=12, description="Seconds after which a decision is not waited for.")
    ] = 12.0
    open_after: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="After so many failures in a row Claude is left alone for a while.",
        ),
    ] = 5
    open_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="How long, in seconds, before it is tried again.")
    ] = 60.0
    text_traits: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z0-9_]+$")], ...],
        Meta(
            description="Traits of words that Claude is told. None that may hold a name or an address."
        ),
    ] = ("rfm.segment",)


MANIFEST = Manifest(
    name="claude",
    version="1.0.0",
    title="Claude",
    summary="Asks Claude whom to write to, how and with what offer, and lets it write the words.",
    kind="decider",
    # Before the rules, which answer where Claude does not.
    order=40,
    settings=ClaudeSettings,
    tables=(
        "claude_question",
        "claude_setup",
        "claude_batch",
        "claude_spend",
        "claude_circuit",
        "claude_model",
    ),
    piccolo_app="plugins.claude.piccolo_app",
    personal_data=True,
    docs="plugins/claude/README.md",
)
