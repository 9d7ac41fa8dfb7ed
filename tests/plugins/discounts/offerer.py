"""A campaign type with offers, and a decider that asks as much as it can."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import (
    Action,
    Audience,
    CampaignType,
    Candidate,
    Copy,
    DecideContext,
    Decision,
    Manifest,
    Option,
    hookimpl,
)

MANIFEST = Manifest(
    name="offerer",
    version="1.0.0",
    title="Offerer",
    summary="Asks for the largest offer for everybody.",
    kind="campaign",
    order=1,
)
_PLAIN = Copy(subject="Hello", body="Hello {{ first_name }}.")
_OFFER = Copy(
    subject="{{ offer_value }} for you",
    body="With {{ offer_code }} you pay {{ offer_value }} less, until {{ offer_ends }}.",
)


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    return (
        CampaignType(
            name="treat",
            title="Treat",
            purpose="A treat.",
            audience=Audience(),
            copies={"friendly": _PLAIN, "friendly.offer": _OFFER, "urgent": _OFFER},
            offers=("percent/5", "percent/10", "percent/20", "amount/5"),
            slots=("offer_code", "offer_value", "offer_ends"),
        ),
    )


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Decision | None]:
    if ctx.campaign.campaign_type != "treat":
        return [None] * len(candidates)
    largest = Action(send=True, campaign_type="treat", tone="urgent", offer="percent/20")
    one = Decision(
        chosen=largest,
        options=(Option(action=largest, probability=1.0),),
        reasons=("Everybody likes a treat.",),
        policy="offerer/1",
    )
    return [one] * len(candidates)
