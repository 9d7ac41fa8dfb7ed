"""Real clients, on the fakes of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest_asyncio
from anthropic import AsyncAnthropic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.testing.claude import FakeClaude
    from kernel.testing.sendgrid import FakeSendGrid


@pytest_asyncio.fixture
async def client(fake_claude: FakeClaude) -> AsyncIterator[AsyncAnthropic]:
    """A client that does not try again by itself."""
    async with AsyncAnthropic(
        api_key=fake_claude.api_key, base_url=fake_claude.base_url, max_retries=0, timeout=20
    ) as client:
        yield client


@pytest_asyncio.fixture
async def http(fake_sendgrid: FakeSendGrid) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of the fake SendGrid."""
    headers = {"authorization": f"Bearer {fake_sendgrid.api_key}"}
    async with httpx.AsyncClient(base_url=fake_sendgrid.url, headers=headers, timeout=20) as client:
        yield client
