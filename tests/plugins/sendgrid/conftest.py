"""A fake SendGrid over HTTP that the tenant alpha has a key for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest_asyncio

from kernel.testing.sendgrid import FakeSendGrid
from plugins.sendgrid import client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from kernel.testing.clock import TurnedClock


@pytest_asyncio.fixture
async def fake(clock: TurnedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSendGrid]:
    """Lives in the time of the tests, and takes everything until told otherwise. Who waits for an answer waits one second."""
    async with FakeSendGrid(clock=lambda: clock.now().timestamp()) as server:
        monkeypatch.setenv("SENDGRID_BASE_URL", server.url)
        monkeypatch.setenv("SENDGRID_API_KEY_ALPHA", server.api_key)
        monkeypatch.delenv("SENDGRID_API_KEY", raising=False)
        monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(connect=5, read=1, write=1, pool=5))
        await client.close()
        yield server
        await client.close()
