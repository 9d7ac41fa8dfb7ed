"""The real client, on the fake Claude of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio
from anthropic import AsyncAnthropic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.testing.claude import FakeClaude


@pytest_asyncio.fixture
async def client(fake_claude: FakeClaude) -> AsyncIterator[AsyncAnthropic]:
    """A client that does not try again by itself."""
    async with AsyncAnthropic(
        api_key=fake_claude.api_key, base_url=fake_claude.base_url, max_retries=0, timeout=20
    ) as client:
        yield client
