"""Messages at hand-over, for the tests of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing, Rendered
    from kernel.tenancy.core import Core


async def attempted(core: Core, count: int, tenant: str = "alpha") -> list[Outgoing]:
    """So many messages of one campaign, being attempted, without a mail."""
    async with core.tenant_scope(tenant) as ctx:
        ids = await add_customers(ctx, count)
        return await add_messages(ctx, await add_campaign(ctx), ids)


def with_mail(message: Outgoing, rendered: Rendered, **recipient: Any) -> Outgoing:
    """The message with this mail, to somebody who differs in `recipient`."""
    who = msgspec.structs.replace(message.recipient, **recipient)
    return msgspec.structs.replace(message, rendered=rendered, recipient=who)
