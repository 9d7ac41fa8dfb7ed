"""docs/features.md names every feature that the kernel computes, and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.pipeline import features
from kernel.profiles.traits import write_traits
from kernel.sdk import Trait
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers, add_order

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope

PAGE = Path(__file__).parents[3] / "docs" / "features.md"


async def test_the_page_and_the_kernel_agree(alpha: TenantScope) -> None:
    text = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    documented = {name: (kinds, missing) for name, kinds, missing in rows}
    bare, full = await add_customers(alpha, 2)
    for days in (90, 40, 10):
        await add_order(alpha, full, alpha.now - timedelta(days=days))
    await add_messages(alpha, await add_campaign(alpha), [full])
    await write_traits(
        alpha,
        "winback",
        "1",
        [Trait(customer_id=full, name="winback.usual_gap_days", value=40)],
    )
    campaign = await add_campaign(alpha)
    messages = await add_messages(alpha, campaign, [bare, full], state="candidate")
    people = await features.people(
        alpha,
        campaign,
        [features.Row(message_id=m.id, customer_id=m.customer_id, step=1) for m in messages],
    )
    unknown, known = (person.candidate.features for person in people)
    assert set(unknown) == set(documented) - {"trait:<name>"}
    assert set(known) == set(unknown) | {"trait:winback.usual_gap_days"}
    for name, value in known.items():
        kinds, missing = documented.get(name, documented["trait:<name>"])
        assert type(value).__name__ in kinds, (name, value)
        if name in unknown:
            assert (unknown[name] is None) != missing.startswith("never"), name
    assert known["mean_gap_days"] == 40.0
    assert known["days_since_order"] == 10.0
    assert known["average_order_value"] == 50.0
    assert known["days_since_mail"] == 0.0 and known["mails_30d"] == 1
