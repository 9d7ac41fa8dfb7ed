"""Toy plugins for tests of deciding: two campaign types, one that asks the world, one that guards offers.

What the oracle answers is a function of `ORACLE.answer(candidate)`; what it decides is a function of the
stored answer alone, so that it can be replayed: `friendly`, `friendly percent/10`, `no`, `nan` …
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from kernel.sdk import (
    Action,
    Advice,
    Audience,
    CampaignType,
    Copy,
    Decision,
    Manifest,
    Option,
    Where,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kernel.sdk import Candidate, Context, DecideContext, Guarded, Pending

SPACE = UUID("00000000-0000-0000-0000-00000000abcd")
COPY = Copy(subject="Hello", body="Hello {{ first_name }}.")


def kind(name: str, priority: int) -> CampaignType:
    return CampaignType(
        name=name,
        title=name.title(),
        purpose="For tests.",
        audience=Audience(
            where=(Where(field="days_since_created", op="<=", value=14),), exclude_recent_days=7
        ),
        copies={"friendly": COPY, "friendly.offer": COPY, "plain": COPY, "urgent": COPY},
        offers=("percent/10", "percent/20"),
        priority=priority,
        send_within_days=7,
    )


def advice(candidate: Candidate, answer: str, **fields: Any) -> Advice:
    """The same question has the same answer, with the same id."""
    return Advice(
        plugin="oracle",
        id=uuid5(SPACE, f"{candidate.message_id}"),
        answer=answer,
        model="toy-1",
        tokens=100,
        cost_micros=40,
        **fields,
    )


class Oracle:
    """What it is to answer, and what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[Candidate], Advice | Pending | None] = lambda c: advice(
            c, "friendly"
        )
        self.asked: list[list[UUID]] = []
        self.before: Callable[[Context], Awaitable[None]] | None = None

    async def consult(
        self, ctx: Context, candidates: Sequence[Candidate]
    ) -> list[Advice | Pending | None]:
        self.asked.append([candidate.message_id for candidate in candidates])
        if self.before is not None:
            await self.before(ctx)
        return [self.answer(candidate) for candidate in candidates]


class Warden:
    """What it makes of the decisions; by default it grants every offer."""

    def __init__(self) -> None:
        self.adjust: Callable[[DecideContext, Sequence[Guarded]], Sequence[Guarded]] | None = None


ORACLE = Oracle()
WARDEN = Warden()


def manifest(name: str, kind: Any, order: int = 50, requires: tuple[str, ...] = ()) -> Manifest:
    return Manifest(
        name=name, version="1.0.0", title=name, summary="A toy.", kind=kind, order=order
    )


def decision(answer: str, given: DecideContext) -> Any:
    """What the oracle decides on an answer."""
    if answer == "type":
        return "send it"
    tone, _, offer = answer.partition(" ")
    chosen = Action(send=False)
    if tone not in ("no", "nan", "sum", "sure"):
        chosen = Action(
            send=True, campaign_type=given.campaign.campaign_type, tone=tone, offer=offer
        )
    options = tuple(
        Option(action=action, probability=1.0 if action == chosen else 0.0)
        for action in dict.fromkeys((*given.actions, chosen))
    )
    if tone == "nan":
        options = (Option(action=chosen, probability=float("nan")),)
    if tone == "sum":
        options = (Option(action=chosen, probability=0.5),)
    return Decision(
        chosen=chosen,
        options=options,
        reasons=(f"The oracle said {answer}.",),
        policy="oracle/1",
        model="toy-1",
        confidence=float("inf") if tone == "sure" else 0.75,
        tokens=100,
        cost_micros=40,
    )


types = ModuleType("toy_types")
types.MANIFEST = manifest("toytypes", "campaign")  # type: ignore[attr-defined]
oracle = ModuleType("toy_oracle")
oracle.MANIFEST = manifest("oracle", "decider", order=10)  # type: ignore[attr-defined]
warden = ModuleType("toy_warden")
warden.MANIFEST = manifest("warden", "gate")  # type: ignore[attr-defined]


@hookimpl
def campaign_types() -> list[CampaignType]:
    return [kind("first", 1), kind("second", 2)]


@hookimpl
async def consult(
    ctx: Context, given: DecideContext, candidates: Sequence[Candidate]
) -> list[Advice | Pending | None]:
    return await ORACLE.consult(ctx, candidates)


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Any]:
    return [
        decision(one.answer, ctx) if (one := _mine(candidate)) and one.answer else None
        for candidate in candidates
    ]


@hookimpl
async def adjust_decisions(
    ctx: Context,
    given: DecideContext,
    candidates: Sequence[Candidate],
    decisions: Sequence[Guarded],
) -> Sequence[Guarded]:
    return WARDEN.adjust(given, decisions) if WARDEN.adjust else decisions


def _mine(candidate: Candidate) -> Advice | None:
    return next((one for one in candidate.advice if one.plugin == "oracle"), None)


types.campaign_types = campaign_types  # type: ignore[attr-defined]
oracle.consult = consult  # type: ignore[attr-defined]
oracle.decide = decide  # type: ignore[attr-defined]
warden.adjust_decisions = adjust_decisions  # type: ignore[attr-defined]
TOYS = (("toytypes", types), ("oracle", oracle), ("warden", warden))
