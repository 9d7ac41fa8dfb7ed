"""Decisions: for one customer and one occasion, send or not, and why. Pure data, replayable."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.campaigns import Campaign
from kernel.contracts.tenancy import Tenant

Scalar = bool | int | float | str | None


class Action(Frozen):
    """Something the engine could do. `send=False` is an action too."""

    send: bool
    campaign_type: str = ""
    tone: str = ""
    offer: str = ""
    """The name of an offer, such as `percent/10` (kernel/contracts/offers.py), or empty for none."""
    send_at: datetime | None = None
    """Wait: not before this time; None for as soon as it is approved."""


class Option(Frozen):
    """A possible action and the probability with which the policy chose it."""

    action: Action
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Advice(Frozen):
    """What a plugin found out for a decision by asking the world, as it is stored and replayed."""

    plugin: str
    id: UUID
    """Of the stored answer; one answer may advise about many customers."""
    answer: str
    """The raw answer, which only the plugin's own `decide` reads. Empty when there is none."""
    model: str = ""
    prompt_hash: str = ""
    fallback: str = ""
    """Why there is no answer, if there is none."""
    tokens: int = 0
    cost_micros: int = 0
    """What the whole answer cost, in millionths of a US dollar."""
    shared: int = 1
    """Among how many customers the answer is shared."""


class Pending(Frozen):
    """The answer is under way: ask again later."""

    reason: str = ""
    again_in: float = 5.0
    """Seconds."""


class Candidate(Frozen):
    """One customer who could be written to on one occasion, with what is known of them."""

    message_id: UUID
    customer_id: int
    step: int
    occasion: str
    features: dict[str, Scalar]
    """See docs/features.md for names and units. Holds no name, email or address."""
    advice: tuple[Advice, ...] = ()
    """What plugins answered to `consult`, at most one a plugin."""


class Decision(Frozen):
    """What a decider answers for one candidate."""

    chosen: Action
    options: tuple[Option, ...]
    reasons: tuple[str, ...]
    """Sentences for the merchant, most important first."""
    policy: str
    """Plugin-chosen name and version of the rule set or model, e.g. `rules/3`."""
    model: str = ""
    prompt_hash: str = ""
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """How sure the decider is that the merchant would agree."""
    fallback: str = ""
    """Why a better decider did not answer, if one should have."""
    tokens: int = 0
    cost_micros: int | float = 0
    """This customer's share of what the answers cost, in millionths of a US dollar."""


class Change(Frozen):
    """What a guardrail changed: by whom, from what to what, and why."""

    plugin: str
    guardrail: str
    asked: Action
    allowed: Action
    reason: str
    breach: bool = False
    """The decider asked for what it knew to be forbidden: counts against autonomy."""


class Grant(Frozen):
    """A plugin's word that an offer may be made, and that its cost is set aside."""

    plugin: str
    offer: str
    reserved: float = 0.0
    """In the tenant's currency."""
    expires_at: datetime | None = None
    """When the offer ends; None: it does not, so nothing may be called urgent."""


class Guarded(Frozen):
    """A decision after the guardrails: every change is kept beside what was asked."""

    decision: Decision
    action: Action
    changes: tuple[Change, ...] = ()
    held_out: bool = False
    grant: Grant | None = None
    """Without one for exactly `action.offer`, no offer is made."""


class DecideContext(Frozen):
    """All a decider may look at besides its candidates. No database, no clock but `now`: so a
    decision can be computed again to the same bytes.
    """

    tenant: Tenant
    campaign: Campaign
    now: datetime
    actions: tuple[Action, ...]
    """Every action that is possible on this occasion."""
    settings: dict[str, Any]
    """plugin name -> its settings Struct."""
    expires_at: datetime | None = None
    """When what could not be sent is given up: a `send_at` must lie before it."""


class DecisionRecord(Frozen, omit_defaults=True):
    """The immutable record of one decision; `canonical()` of it is what is stored and replayed."""

    id: UUID
    tenant_id: str
    customer_id: int
    message_id: UUID
    occasion: str
    campaign_type: str
    decided_at: datetime
    features: dict[str, Scalar]
    features_version: int
    plugin: str
    plugin_version: str
    context: str
    """Digest of the stored DecideContext (tenant, campaign, settings, possible actions)."""
    decision: Decision
    changes: tuple[Change, ...]
    action: Action
    held_out: bool
    version: int = 1
    """Of this Struct: 2 since there is advice, and guardrails of plugins."""
    advice: tuple[UUID, ...] = ()
    """The answers it rests on, by their ids in `pipeline_advice`."""
    grant: Grant | None = None
    """For exactly the offer of `action`."""


Outcome = Literal["allowed", "suppressed", "capped", "deferred"]


class Verdict(Frozen):
    """What one rule says of one candidate. The strictest verdict of all rules counts:
    suppressed over capped over deferred over allowed.
    """

    outcome: Outcome
    rule: str = ""
    reason: str = ""
    until: datetime | None = None
    """For `deferred`: when to ask again."""
