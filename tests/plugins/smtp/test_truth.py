"""Whatever goes wrong, wherever: what is said of a message is true by the server's own book."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, get_args

import pytest

from plugins.smtp import pool
from plugins.smtp.channel import SMTP
from tests.plugins.smtp.mails import attempting
from tests.plugins.smtp.server import Moment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]

ANSWERS = ("", "", "421 4.3.2 closing", "451 4.3.0 later", "550 5.1.1 no such user", "554 5.7.1 no")
ALLOWED = {"accepted": {1}, "rejected": {0}, "retry": {0}, "unknown": {0, 1}}
"""State of the receipt -> how often the server may have taken the mail."""


@pytest.mark.parametrize("seed", range(6))
async def test_receipts_are_true(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(pool, "TIMEOUT", 0.3)
    random = Random(seed)
    await use(connections=random.choice((1, 3, 8)))
    left = await attempting(core, 40)
    times = {message.id: 0 for message in left}
    for _ in range(3):
        fake.faults.clear()
        for _ in range(14):
            trouble: dict[str, Any] = {"times": 1, "stall": random.random() < 0.2}
            at = random.choice((*get_args(Moment), "content", "content"))
            answer = random.choice(ANSWERS)
            if at == "content" and not answer:
                trouble["take"] = random.random() < 0.5
            if at != "greet":
                trouble["to"] = str(random.choice(left).recipient.email) if at != "mail" else ""
            fake.fail(at, answer, **trouble)
        receipts = await SMTP.send(await core.detached("alpha"), left)
        assert [one.message_id for one in receipts] == [one.id for one in left]
        for one in receipts:
            found = len(fake.accepted(one.message_id))
            assert found - times[one.message_id] in ALLOWED[one.state], one
            times[one.message_id] = found
        # As the ledger does: only what was certainly not taken is handed over again.
        again = {one.message_id for one in receipts if one.state == "retry"}
        left = [one for one in left if one.id in again]
        if not left:
            break
    assert fake.twice == 0
