"""The words that come with our own campaign types break no rule of the gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kernel.mail.slots import SLOT
from kernel.sdk import Copy
from plugins.compliance import claims, seen
from plugins.compliance.claim_words import PROMOTION, SENSITIVE, matches
from plugins.compliance.facts import Facts

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

OFFER = {"offer_code": "ABCD-EFGH", "offer_value": "10 %", "offer_ends": "31 December"}


FACTS = Facts(datetime(2026, 12, 30, 9, tzinfo=UTC), "EUR")


def words(copy: Copy) -> tuple[str, str]:
    parts = [copy.preheader, copy.heading, copy.body, copy.button]
    return SLOT.sub("slot", copy.subject), SLOT.sub("slot", "\n".join(parts))


def test_no_claim_without_a_slot(board: Plugboard) -> None:
    """Washington CEMA, RCW 19.190.020: ours are the words of thousands of shops."""
    count = 0
    for kind in board.campaign_types.values():
        for variant, copy in kind.value.copies.items():
            subject, body = words(copy)
            slots = OFFER if ".offer" in variant else {}
            for claim in [*claims.in_subject(subject), *claims.in_body(body)]:
                assert claims.backed(claim, slots, FACTS), (kind.value.name, variant, claim)
            low = seen.plain(f"{subject}\n{body}")
            for topic, pattern in SENSITIVE.items():
                assert not pattern.search(low), (kind.value.name, variant, topic)
            if kind.value.transactional:
                assert not list(matches(PROMOTION, low)), (kind.value.name, variant)
            count += 1
    assert count > 20
