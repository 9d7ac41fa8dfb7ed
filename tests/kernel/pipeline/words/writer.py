"""A plugin for tests that decides, writes and fills slots as told, with a campaign type of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.sdk import (
    Action,
    Audience,
    CampaignType,
    Copy,
    Decision,
    Manifest,
    Option,
    Pending,
    Where,
    Written,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import (
        Brief,
        Candidate,
        Context,
        DecideContext,
        MessageVars,
        Outgoing,
    )

MANIFEST = Manifest(
    name="writer",
    version="1.0.0",
    title="Writer",
    summary="Writes copy on demand.",
    kind="campaign",
    order=1,
)

ENGLISH = Copy(
    subject="A note from {{ shop_name }}",
    body="Hello {{ first_name }},\n\nhave a look at what is new whenever you like.\n\n{{ sender_name }}",
    button="Have a look",
)
GERMAN = Copy(
    subject="Eine Nachricht von {{ shop_name }}",
    body="Hallo {{ first_name }},\n\nsehen Sie sich gern an, was es Neues gibt.\n\n{{ sender_name }}",
    button="Ansehen",
)
NOTE = CampaignType(
    name="note",
    title="Note",
    purpose="Writes a note.",
    audience=Audience(where=(Where(field="days_since_created", op="<=", value=14),)),
    copies={"friendly": ENGLISH, "friendly.de": GERMAN, "professional": ENGLISH},
    hour=0,
)
WROTE = Copy(
    subject="Written for {{ shop_name }}",
    body="Hello {{ first_name }},\n\nthese words were written for people like you, and for nobody else."
    "\n\n{{ sender_name }}",
)


class Writer:
    """`say` answers each brief; `asked` holds every brief it was given, call by call."""

    def __init__(self) -> None:
        self.tone = "friendly"
        self.asked: list[list[Brief]] = []
        self.slots: dict[str, str] = {}
        self.answers: dict[str, Written | Pending | None] = {}
        self.answer: Written | Pending | None = Written(
            copy=WROTE, model="m", prompt_hash="h", tokens=7, cost_micros=11
        )
        self.fails = False
        self.hangs_at: int | None = None
        self.reached = asyncio.Event()

    async def say(self, briefs: Sequence[Brief]) -> list[Written | Pending | None]:
        """What the test wants; hangs at the call numbered `hangs_at`."""
        self.asked.append(list(briefs))
        if self.hangs_at == len(self.asked):
            self.reached.set()
            await asyncio.Event().wait()
        if self.fails:
            raise RuntimeError("no words today")
        return [self.answers.get(brief.variant, self.answer) for brief in briefs]

    @property
    def names(self) -> list[list[str]]:
        """The variants of each call."""
        return [[brief.variant for brief in briefs] for briefs in self.asked]


WRITER = Writer()


@hookimpl
def campaign_types() -> list[CampaignType]:
    return [NOTE]


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Decision]:
    chosen = Action(send=True, campaign_type=ctx.campaign.campaign_type, tone=WRITER.tone)
    options = tuple(
        Option(action=action, probability=1.0 if action == chosen else 0.0)
        for action in ctx.actions
    )
    decision = Decision(chosen=chosen, options=options, reasons=("told",), policy="writer/1")
    return [decision] * len(candidates)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    more: dict[str, Any] = dict(WRITER.slots)
    return [msgspec.structs.replace(one, slots={**one.slots, **more}) for one in values]
