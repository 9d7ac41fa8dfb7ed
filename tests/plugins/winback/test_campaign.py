"""The words: complete, honest, and safe with any name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers, add_order
from plugins.winback.campaign import WINBACK, fill, when
from tests.plugins import words

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_all_tones_in_every_language() -> None:
    assert set(WINBACK.copies) == words.expected(WINBACK)


@pytest.mark.parametrize("variant", sorted(WINBACK.copies))
def test_the_words_are_complete_and_make_no_claims(variant: str) -> None:
    assert words.faults(WINBACK, variant) == []


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (datetime(2026, 3, 2, tzinfo=UTC), "in March"),
        (datetime(2025, 9, 2, tzinfo=UTC), "in September"),
        (datetime(2025, 6, 2, tzinfo=UTC), "in June 2025"),
        (datetime(2026, 3, 31, 23, 0, tzinfo=UTC), "in April"),  # already April in Berlin
        (None, "some time ago"),
    ],
)
def test_when_the_last_order_was(last: datetime | None, words: str) -> None:
    assert when(last, NOW, BERLIN) == words


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("de-AT", "im März"),
        ("fr", "en mars"),
        ("FR-ca", "en mars"),
        ("sv", "in March"),
        ("", "in March"),
    ],
)
def test_when_in_the_customers_language(locale: str, told: str) -> None:
    assert when(datetime(2026, 3, 2, tzinfo=UTC), NOW, BERLIN, locale) == told


@pytest.mark.parametrize(
    "name", ["Ada", "<script>alert(1)</script>", "{{ shop_name }}", "", "A\r\nB: c"]
)
@pytest.mark.parametrize("tone", words.CALM)
async def test_renders_with_any_name(alpha: TenantScope, name: str, tone: str) -> None:
    ids = await add_customers(alpha, first_name=name)
    await add_order(alpha, ids[0], alpha.now - timedelta(days=90))
    batch = await add_messages(alpha, await add_campaign(alpha, "winback"), ids)
    [message] = await rendered(alpha, batch, tone)
    assert message.rendered is not None
    assert "in March" in message.rendered.text
    assert "<script>" not in message.rendered.html
    assert "{{" not in message.rendered.text.replace(name or "-", "")
    assert "\n" not in message.rendered.subject


async def test_other_campaigns_mails_are_left_alone(alpha: TenantScope) -> None:
    from kernel.contracts.delivery import MessageVars

    ids = await add_customers(alpha)
    batch = await add_messages(alpha, await add_campaign(alpha, "welcome"), ids)
    values = [MessageVars(slots={"a": 1})]
    assert fill(alpha, batch, values) == values
