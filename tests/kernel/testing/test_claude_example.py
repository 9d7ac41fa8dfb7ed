"""The tests that docs/fake-claude.md shows."""

from __future__ import annotations

import anthropic
import pytest

from kernel.testing.claude import FakeClaude
from tests.kernel.testing.asking import asking, value


async def test_an_absurd_offer(fake_claude: FakeClaude) -> None:
    client = anthropic.AsyncAnthropic(api_key=fake_claude.api_key, base_url=fake_claude.base_url)
    fake_claude.answer(lambda asked: {**asked.filled, "offer": "percent/95"})

    answer = await client.messages.create(**asking("a customer of segment loyal"))

    assert value(answer)["offer"] == "percent/95"
    assert fake_claude.record.count() == 1
    assert not fake_claude.record.asked_twice()
    assert not fake_claude.record.holds("anna@example.com", "Anna", "Main Street")


async def test_an_overloaded_claude(fake_claude: FakeClaude) -> None:
    client = anthropic.AsyncAnthropic(
        api_key=fake_claude.api_key, base_url=fake_claude.base_url, max_retries=0
    )
    fake_claude.fail(529, times=2)
    for _ in range(2):
        with pytest.raises(anthropic.OverloadedError):
            await client.messages.create(**asking("a customer"))
    assert value(await client.messages.create(**asking("a customer")))
