"""Large posts are kept as they came and taken apart by the fold; nothing else differs."""

from __future__ import annotations

from typing import Any

from kernel.tenancy.core import Core
from plugins.sendgrid import whole
from plugins.sendgrid.plugin import erase_customer
from tests.plugins.sendgrid.posting import event, folded, look, post, sent, set_key, states

COUNTS = "SELECT (SELECT count(*) FROM sendgrid_post) p, (SELECT count(*) FROM sendgrid_event) e"


def large(message: Any) -> list[dict[str, Any]]:
    """A post of more than 48 KB, one of whose events is about this message."""
    filler = [
        event("open", f"f{n}", email=f"{n}@nobody.example", useragent="x" * 400) for n in range(150)
    ]
    told = event(
        "delivered",
        "d1",
        email=message.recipient.email,
        ae_message=str(message.id),
        ae_tenant="alpha",
    )
    return [*filler, told]


async def test_kept_whole_then_folded_once(core: Core) -> None:
    await set_key(core)
    [one] = await sent(core, 1)
    for _ in range(2):  # the same post twice, before it was looked at
        assert (await post(core, large(one))).status_code == 204
    assert [tuple(row.values()) for row in await look(core, COUNTS)] == [(1, 0)]
    await folded(core)
    assert [tuple(row.values()) for row in await look(core, COUNTS)] == [(0, 151)]
    assert await states(core) == ["delivered"]
    assert (await post(core, large(one))).status_code == 204  # and once more, later
    await folded(core)
    assert [tuple(row.values()) for row in await look(core, COUNTS)] == [(0, 151)]


async def test_who_is_erased_is_found_in_it_too(core: Core) -> None:
    await set_key(core)
    [one] = await sent(core, 1)
    assert (await post(core, large(one))).status_code == 204
    async with core.tenant_scope("alpha") as ctx:
        await erase_customer(ctx, one.customer_id)
    await folded(core)
    [row] = await look(core, "SELECT email, raw FROM sendgrid_event WHERE event_id = 'd1'")
    # What is not placed yet is known by its address; it was emptied with the rest.
    assert (row["email"], bytes(row["raw"])) == ("", b"")
    async with core.tenant_scope("bravo") as ctx:
        assert await whole.take_apart(ctx) == 0
