"""The file and the panel, through the real application and its session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link
from plugins.outbox import panels
from plugins.outbox.channel import OUTBOX

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core


async def sign_in(core: Core, web: httpx.AsyncClient, tenant: str) -> None:
    token = sign_in_link(core, tenant).partition("token=")[2]
    await web.post("/sign-in", data={"token": token})


async def kept(core: Core) -> Outgoing:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, first_name='<i>"; filename="evil.exe')
        [message] = await rendered(ctx, await add_messages(ctx, await add_campaign(ctx), ids))
    await OUTBOX.send(await core.detached("alpha"), [message])
    return message


async def test_a_merchant_downloads_the_mail(core: Core, web: httpx.AsyncClient) -> None:
    message = await kept(core)
    path = f"/app/x/outbox/mail/{message.id}.eml"
    assert (await web.get(path)).status_code == 401
    await sign_in(core, web, "alpha")
    answer = await web.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("message/rfc822")
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="mail-{message.id}.eml"'
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.startswith(b"From: Alder & Oak <hello@alder.example.com>\r\n")


async def test_what_is_not_there_is_404(core: Core, web: httpx.AsyncClient) -> None:
    await sign_in(core, web, "alpha")
    for name in (f"{uuid4()}.eml", "x.eml", "..%2f..%2fetc%2fpasswd", "%00"):
        assert (await web.get(f"/app/x/outbox/mail/{name}")).status_code == 404


async def test_another_shop_and_a_shop_without_the_plugin_get_404(
    core: Core, web: httpx.AsyncClient
) -> None:
    message = await kept(core)
    await sign_in(core, web, "bravo")
    assert (await web.get(f"/app/x/outbox/mail/{message.id}.eml")).status_code == 404
    async with core.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_plugin VALUES ('bravo', 'outbox')")
    assert (await web.get(f"/app/x/outbox/mail/{message.id}.eml")).status_code == 404


async def test_the_panel_links_to_the_file(core: Core) -> None:
    message = await kept(core)
    engine = create_app(core).template_engine
    assert engine is not None
    async with core.tenant_scope("alpha") as ctx:
        data = await panels.stored(ctx, message)
    assert data is not None
    page = engine.get_template("outbox/stored.html").render(**data)
    assert f'href="/app/x/outbox/mail/{message.id}.eml"' in page
    assert "handed over" not in page
    assert "sent nothing" in page
