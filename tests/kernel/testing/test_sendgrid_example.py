"""The tests that docs/fake-sendgrid.md shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.kernel.testing.sending import mail, person

if TYPE_CHECKING:
    from kernel.testing.sendgrid import FakeSendGrid


async def test_a_lost_answer(fake_sendgrid: FakeSendGrid) -> None:
    key = {"authorization": f"Bearer {fake_sendgrid.api_key}"}
    async with httpx.AsyncClient(base_url=fake_sendgrid.url, headers=key) as client:
        fake_sendgrid.fail("drop_after")
        with pytest.raises(httpx.TransportError):
            await client.post("/v3/mail/send", json=mail(person(1)))

        [row] = fake_sendgrid.accepted("m1")  # nobody told us, but it was accepted
        assert row.recipient == "a1@example.com"
        assert fake_sendgrid.received("m1")[0].subject == "For Anna 1"
        assert not fake_sendgrid.oracle.twice()
