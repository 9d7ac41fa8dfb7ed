"""One mail over one connection: MAIL, RCPT, DATA (RFC 5321), and how far it came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiosmtplib import SMTPRecipientRefused, SMTPServerDisconnected

from plugins.smtp import answers, pool
from plugins.smtp.answers import Answer

if TYPE_CHECKING:
    from aiosmtplib import SMTP

GO_ON = 354
_DOT = re.compile(rb"(?m)^\.")


class Transaction:
    """The hand-over of one mail. `dotted` tells whether the server may have taken it."""

    def __init__(self, client: SMTP, sender: str, recipient: str, message_id: str) -> None:
        self.client = client
        self.sender = sender
        self.recipient = recipient
        self.message_id = message_id
        self.begun = False
        """Whether MAIL was answered, so that the connection is the one it was taken for."""
        self.dotted = False
        """Whether the final dot was begun: from then on silence may mean yes."""

    async def run(self, mail: bytes) -> Answer:
        """What the server answered; the connection is good for another mail then, or closed.

        Args:
            mail: its lines end with CR LF, the last one too.

        Raises:
            aiosmtplib.SMTPException: MAIL was refused, or the connection is of no use any more.
        """
        encoding, options = "ascii", []
        if not self.recipient.isascii():
            if not await self._takes_utf8():
                return answers.NO_UTF8
            encoding, options = "utf-8", ["SMTPUTF8"]
        await self.client.mail(self.sender, options=options, encoding=encoding)
        self.begun = True
        try:
            await self.client.rcpt(self.recipient, encoding=encoding)
        except SMTPRecipientRefused as refused:
            await self._reset(refused.code)
            return answers.of_response(refused.code, refused.message)
        start = await self.client.execute_command(b"DATA")
        if start.code != GO_ON:
            await self._reset(start.code)
            return answers.of_response(start.code, start.message, of_mail=True)
        code, said = await self._content(mail)
        if code // 100 == 2:
            return answers.accepted(said, self.message_id)
        return answers.of_response(code, said, of_mail=True)

    async def _takes_utf8(self) -> bool:
        """Whether the server takes addresses beyond ASCII, which it says in its greeting."""
        if self.client.is_ehlo_or_helo_needed:
            await self.client.ehlo()
        return self.client.supports_extension("smtputf8")

    async def _content(self, mail: bytes) -> tuple[int, str]:
        """The mail, then the dot. Not by the library's `data`: it would not tell which of the two failed."""
        protocol = self.client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(_DOT.sub(b"..", mail))
        await protocol._drain_helper()
        self.dotted = True
        protocol.write(b".\r\n")
        response = await protocol.read_response(timeout=pool.TIMEOUT)
        return response.code, response.message

    async def _reset(self, code: int) -> None:
        """Ready for the next mail; whatever becomes of it changes nothing in the answer there is."""
        if code == 421:  # the server closes
            self.client.close()
            return
        try:
            await self.client.rset()
        except Exception:  # noqa: BLE001
            self.client.close()
