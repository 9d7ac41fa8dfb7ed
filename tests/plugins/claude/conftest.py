"""A fake Claude over HTTP, and the real client that finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.testing.claude import FakeClaude

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeClaude]:
    """A Claude that sends, friendly and without an offer, until told otherwise."""
    async with FakeClaude() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", server.api_key)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        server.batches.polls = 0
        server.answer(lambda asked: {**asked.filled, **SEND} if "action" in asked.filled else None)
        yield server


SEND = {"action": "send", "offer": "none", "confidence": 80, "reason": "Their pause is over."}
