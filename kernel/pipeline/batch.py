"""What travels through the deciding stages: up to 1,000 customers of one campaign."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.decisions import Advice, DecideContext, Decision, Guarded, Verdict
    from kernel.contracts.delivery import MessageState
    from kernel.pipeline.features import Person, Row

BATCH = 1000


@dataclass(kw_only=True)
class Decided:
    """A decision and the plugin that made it."""

    decision: Decision
    plugin: str


@dataclass(kw_only=True)
class Fate:
    """Where a customer goes in the ledger after the deciding stages."""

    state: MessageState
    reason: str = ""
    variant: str = ""
    due_at: datetime | None = None


@dataclass(kw_only=True)
class Batch:
    """Each stage reads what earlier ones filled in and fills in its own, in the order of `rows`."""

    campaign: Campaign
    frame: DecideContext
    frame_digest: str
    versions: dict[str, str]
    """plugin -> version, of those that could speak when the campaign was proposed."""
    rows: list[Row]
    late: bool = False
    """Answers have been waited for long enough: decide without them."""
    people: list[Person] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)
    """New answers, to be stored."""
    again_in: float | None = None
    """Seconds until somebody who was left out, because an answer is pending, is asked about again."""
    decided: list[Decided] = field(default_factory=list)
    guarded: list[Guarded] = field(default_factory=list)
    verdicts: dict[UUID, Verdict] = field(default_factory=dict)
    fates: list[Fate] = field(default_factory=list)

    @property
    def enabled(self) -> frozenset[str]:
        """Who decides: frozen with the campaign, so that a replay asks the same."""
        return frozenset(self.versions)
