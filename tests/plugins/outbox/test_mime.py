"""A stored mail as a file holds the headers it was given, and no others."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from uuid import UUID

from plugins.outbox import mime
from plugins.outbox.repo import Mail


def test_an_encoded_word_in_a_name_makes_no_header() -> None:
    mail = Mail(
        id=1,
        message_id=UUID(int=1),
        to_email="Ada =?utf-8?q?=0D=0ABcc:_x@evil.example?= <ada@example.com>",
        from_email="Shop <shop@example.com>",
        subject="Hello =?utf-8?q?=0D=0AReply-To:_x@evil.example?=",
        headers={"X-Note": "=?utf-8?q?a=0D=0ABcc:_y@evil.example?="},
        html="<p>Hello</p>",
        text="Hello",
        at=datetime(2026, 6, 15, tzinfo=UTC),
        purged_at=None,
    )
    found = email.message_from_bytes(mime.build(mail))
    assert found["Bcc"] is None
    assert found["Reply-To"] is None
    assert b"\r\nBcc" not in mime.build(mail)
