"""A stored mail for download, for signed-in merchants."""

from __future__ import annotations

from uuid import UUID

from litestar import Response, get

from kernel.sdk import Context, NotFound
from plugins.outbox import mime, repo


@get("/mail/{file:str}")
async def download(ctx: Context, file: str) -> Response[bytes]:
    """`GET /app/x/outbox/mail/<message id>.eml`: the mail as a MIME file."""
    try:
        message_id = UUID(file.removesuffix(".eml"))
    except ValueError:
        raise _missing() from None
    found = await repo.mails(ctx, message_id)
    if not found:
        raise _missing()
    return Response(
        mime.build(found[0]),
        media_type="message/rfc822",
        headers={
            # The name is made of the id alone: nothing a customer or merchant typed is in it.
            "Content-Disposition": f'attachment; filename="mail-{message_id}.eml"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _missing() -> NotFound:
    return NotFound("The outbox has no such mail.", "Open it from the page of its message.")
