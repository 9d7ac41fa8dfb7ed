"""From the outbox to subscriptions: one delivery for each event and each handler of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.events.wake import wake

if TYPE_CHECKING:
    from kernel.events.turn import Turn
    from kernel.tenancy.core import Core

BATCH = 2000

# By `relayed_at IS NULL` and never by the highest id seen: ids are given when a row is written, and a
# transaction that began early may commit late. The row locks make two relays at once harmless. The
# array keeps the planner from joining, which it does badly while a table is young and unmeasured.
_RELAY = """
WITH told AS (
  UPDATE events_event SET relayed_at = now() WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT id FROM events_event WHERE tenant_id = $1 AND relayed_at IS NULL
    ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED))
  RETURNING id, type
), made AS (
  INSERT INTO events_delivery (tenant_id, event_id, subscription)
  SELECT $1, t.id, s.name FROM told t
  JOIN unnest($2::text[], $3::text[]) AS s (type, name) ON s.type = t.type
  ORDER BY t.id
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM told) AS events, (SELECT count(*) FROM made) AS deliveries
"""


async def relay(core: Core, tenant_id: str, turn: Turn) -> bool:
    """True when the turn ended before the tenant's outbox was empty.

    Every installed plugin's subscription gets its delivery; whether the plugin is enabled counts when
    it is delivered.
    """
    subscriptions = [(o.value.event.type, name) for name, o in core.board.subscriptions.items()]
    types, names = [s[0] for s in subscriptions], [s[1] for s in subscriptions]
    while not turn.over():
        async with core.tenant_scope(tenant_id, actor="relay") as ctx:
            row = await ctx.db.fetchrow(_RELAY, tenant_id, types, names, BATCH)
            if row["deliveries"]:
                wake(ctx, "kernel.deliver")
        if row["events"] < BATCH:
            return False
    return True
