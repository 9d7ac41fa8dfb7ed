"""A shop's own host for links: its public pages under short paths, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kernel.sdk import MailLinks, is_ours, public_url
from plugins.tracking import links
from tests.plugins.tracking.test_tracking import PERSON, forgotten, mail
from tests.plugins.visitor import visitor

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

__all__ = ["forgotten"]
HOST = "mail.alder.example"


async def hosted(core: Core, host: str = HOST, tenant: str = "alpha") -> None:
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_tenant SET sender = sender || jsonb_build_object('link_host', $2::text) "
            "WHERE tenant_id = $1",
            tenant,
            host,
        )


async def test_links_are_on_the_shops_host_and_old_ones_go_on(core: Core) -> None:
    _, old = await mail(core)
    await hosted(core)
    message, new = await mail(core)
    assert old.links["link"].startswith("http://mail.test/t/alpha/tracking/c/")
    assert new.links["link"].startswith(f"https://{HOST}/c/")
    async with visitor(core) as web:
        for link in (old.links["link"], new.links["link"], new.honeypot):
            assert (await web.get(link, headers=PERSON)).status_code == 302
    async with core.tenant_scope("alpha") as ctx:
        assert public_url(ctx, "compliance", "u/x") == f"https://{HOST}/u/x"
        assert is_ours(ctx, f"https://{HOST}/u/x", "compliance", "u/")
        assert is_ours(ctx, "http://mail.test/t/alpha/compliance/u/x", "compliance", "u/")
        assert not is_ours(ctx, f"https://{HOST}/c/x", "compliance", "u/")
        kept = MailLinks(links={"link": f"https://{HOST}/u/x"})
        [same] = await links.rewrite(ctx, [message], [kept])
        assert same.links == kept.links


async def test_nothing_else_is_there(core: Core) -> None:
    await hosted(core)
    paths = [
        "/",
        "/app/",
        "/app/x/tracking/",
        "/sign-in",
        "/static/kernel.css",
        "/t/alpha/compliance/u/x",
    ]
    async with visitor(core) as web:
        for path in [*paths, "/t/bravo/tracking/c/x", "//c/x", "/C/x", "/c", "/c/../app/"]:
            answer = await web.get(f"https://{HOST}{path}")
            assert answer.status_code == 404, path
            assert "location" not in answer.headers


@pytest.mark.parametrize("spelt", [HOST.upper(), f"{HOST}:8443", f"{HOST}."])
async def test_the_host_may_be_spelt_otherwise(core: Core, spelt: str) -> None:
    await hosted(core)
    _, made = await mail(core)
    path = made.links["link"].removeprefix(f"https://{HOST}")
    async with visitor(core) as web:
        answer = await web.get(path, headers={**PERSON, "host": spelt})
        assert answer.status_code == 302
        assert (await web.get("/app/", headers={"host": spelt})).status_code == 404


async def test_other_hosts_are_not_fooled(core: Core) -> None:
    await hosted(core)
    _, made = await mail(core)
    path = made.links["link"].removeprefix(f"https://{HOST}")
    async with visitor(core) as web:
        for host in ("evil.example", f"{HOST}.evil.example", "", f"x@{HOST}"):
            answer = await web.get(path, headers={**PERSON, "host": host})
            assert answer.status_code == 404, host
        forwarded = {**PERSON, "x-forwarded-host": HOST}
        assert (await web.get(path, headers=forwarded)).status_code == 404
        two = [("host", HOST), ("host", "mail.test")]
        assert (await web.get(path, headers=two)).status_code == 404
        assert (await web.get("/app/", headers=two)).status_code == 404


async def test_each_host_is_its_own_tenants(core: Core) -> None:
    _, made = await mail(core)
    path = made.links["link"].partition("/tracking")[2]
    await hosted(core, "mail.bravo.example", "bravo")
    async with visitor(core) as web:
        answer: Any = await web.get(f"https://mail.bravo.example{path}", headers=PERSON)
        assert answer.status_code == 404


async def test_our_own_address_is_nobodys(core: Core) -> None:
    await hosted(core, "mail.test")
    async with visitor(core) as web:
        assert (await web.get("/app/", headers={"accept": "text/html"})).status_code == 401
