"""Posts as SendGrid makes them: events signed with a key of its own, over real bytes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kernel.contracts.delivery import Outgoing
from kernel.tenancy.core import Core
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.sendgrid.jobs import fold_events
from plugins.sendgrid.signature import SIGNATURE, TIMESTAMP
from tests.plugins.visitor import visitor

KEY = ec.generate_private_key(ec.SECP256R1())
SHOWN = base64.b64encode(
    KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()


def event(
    kind: str, event_id: str = "", *, at: datetime | int = 1_781_517_600, **fields: Any
) -> dict[str, Any]:
    """One event; a field given as None is left out."""
    seconds = at if isinstance(at, int) else int(at.timestamp())
    made = {"email": "", "timestamp": seconds, "event": kind, "sg_event_id": event_id, **fields}
    return {
        name.replace("smtp_id", "smtp-id"): v for name, v in made.items() if v not in ("", None)
    }


def signed(body: bytes, timestamp: str = "1781517600") -> dict[str, str]:
    """The headers of a post."""
    made = KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: base64.b64encode(made).decode(), TIMESTAMP: timestamp}


def body_of(events: Sequence[Any]) -> bytes:
    """As SendGrid writes it, with the line break at its end."""
    return msgspec.json.encode(list(events)) + b"\r\n"


async def post(core: Core, body: bytes | Sequence[Any], tenant: str = "alpha") -> httpx.Response:
    """Post events, or raw bytes, signed."""
    raw = body if isinstance(body, bytes) else body_of(body)
    async with visitor(core) as client:
        path = f"/t/{tenant}/sendgrid/events"
        return await client.post(path, content=raw, headers=signed(raw))


async def set_key(core: Core, key: str = SHOWN, tenant: str = "alpha") -> None:
    """The tenant's setting."""
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $2::jsonb WHERE tenant_id = $1 "
            "AND plugin = 'sendgrid'",
            tenant,
            msgspec.json.encode({"webhook_key": key}).decode(),
        )


async def sent(core: Core, count: int = 1, tenant: str = "alpha", **fields: Any) -> list[Outgoing]:
    """Messages of one campaign that SendGrid was given; attempted now, accepted unless told else."""
    async with core.tenant_scope(tenant) as ctx:
        ids = await add_customers(ctx, count)
        campaign = await add_campaign(ctx)
        await ctx.db.execute("UPDATE pipeline_campaign SET channel = 'sendgrid'")
        given = {"state": "accepted", "attempts": 1, "provider_id": "", **fields}
        return await add_messages(ctx, campaign, ids, **given)


async def folded(core: Core, tenant: str = "alpha") -> None:
    """Everything that is due is folded."""
    await fold_events(await core.detached(tenant), {})


async def look(core: Core, sql: str, *args: Any, tenant: str = "alpha") -> list[dict[str, Any]]:
    """Rows as the tenant sees them."""
    async with core.tenant_scope(tenant) as ctx:
        return [dict(row) for row in await ctx.db.fetch(sql, *args)]


async def states(core: Core, tenant: str = "alpha") -> list[str]:
    """The state of each message, by customer."""
    sql = "SELECT state FROM pipeline_message ORDER BY customer_id"
    return [row["state"] for row in await look(core, sql, tenant=tenant)]
