"""A toy campaign type of mail that customers asked for, and a Core that sends it by the test provider with all
of our plugins about it.
"""

from __future__ import annotations

from types import ModuleType

from kernel.sdk import Audience, CampaignType, Copy, Where, hookimpl
from tests.kernel.pipeline.thinkers import manifest

RECEIPT = CampaignType(
    name="receipt",
    title="Receipt",
    topic="news",
    purpose="For tests.",
    audience=Audience(
        where=(Where(field="days_since_created", op="<=", value=14),), exclude_recent_days=30
    ),
    copies={
        "plain": Copy(
            subject="Your account is open",
            body="Hello {{ first_name }}, your account is open.",
            button="Look",
            link="{{ shop_url }}/account",
        )
    },
    hour=8,
    priority=1,
    transactional=True,
    every_minutes=15,
    send_within_days=1.0,
)

module = ModuleType("toy_asked")
module.MANIFEST = manifest("asked", "campaign")  # type: ignore[attr-defined]


@hookimpl
def campaign_types() -> list[CampaignType]:
    return [RECEIPT]


module.campaign_types = campaign_types  # type: ignore[attr-defined]
