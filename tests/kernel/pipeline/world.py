"""A frame to decide in, without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from kernel.contracts.campaigns import Campaign
from kernel.contracts.decisions import DecideContext
from kernel.pipeline.frames import possible
from kernel.testing.clock import START
from kernel.testing.seed import a_tenant
from tests.kernel.pipeline.thinkers import kind


def given_frame(**fields: Any) -> DecideContext:
    """The frame of a campaign of the toy type `first`, with offers, at START; fields replaced."""
    tenant = a_tenant(holdout_percent=fields.pop("holdout_percent", 0.0))
    campaign = Campaign(
        id=UUID(int=1),
        key="first:2026-06-15",
        campaign_type="first",
        plugin="toytypes",
        title="First",
        status="deciding",
        proposed_at=START,
    )
    plain: dict[str, Any] = {
        "tenant": tenant,
        "campaign": campaign,
        "now": START,
        "actions": possible(kind("first", 1), guarded=True),
        "settings": {},
        "expires_at": START + timedelta(days=7),
    }
    return DecideContext(**plain | fields)
