"""The outbox: an event becomes a row in the same transaction as the change it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kernel.contracts.base import canonical
from kernel.contracts.errors import InvalidInput
from kernel.events.wake import wake

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.events import Event
    from kernel.tenancy.scope import TenantScope

_INSERT = """
INSERT INTO events_event (tenant_id, type, version, occurred_at, customer_id, payload)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::timestamptz[], $5::bigint[], $6::jsonb[])
"""


async def emit(ctx: Context, *events: Event) -> None:
    """Record `events`, in order, in the transaction of `ctx`: they are told if and only if it
    commits. One statement for any number of events.

    Raises:
        InvalidInput: the class of an event was not declared, so it could never be read again.
    """
    if not events:
        return
    known = cast("TenantScope", ctx).core.board.event_types
    for kind in {type(event) for event in events}:
        if kind.type not in known or known[kind.type].value is not kind:
            raise InvalidInput(
                f"The event `{kind.type}` ({kind.__name__}) is not declared.",
                "Return its class from the hook `event_types` of the plugin that emits it.",
            )
    await ctx.db.execute(
        _INSERT,
        ctx.tenant.id,
        [event.type for event in events],
        [event.version for event in events],
        [event.occurred_at for event in events],
        [getattr(event, "customer_id", None) for event in events],
        [canonical(event).decode() for event in events],
    )
    wake(ctx, "kernel.relay")
