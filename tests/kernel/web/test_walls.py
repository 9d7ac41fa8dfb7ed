from dataclasses import replace
from types import ModuleType

import httpx
import pytest
from litestar import get

from kernel.contracts.errors import BootError
from kernel.plugboard.board import build_plugboard
from kernel.plugboard.parts import Failure
from kernel.sdk import AdminPage, Manifest, hookimpl
from kernel.tenancy.core import Core
from kernel.web import walls
from kernel.web.app import create_app
from tests.kernel.web.conftest import Client
from tests.kernel.web.probe import ADDRESS


async def address(core: Core, tenant: str = "alpha") -> str:
    async with core.tenant_scope(tenant) as ctx:
        return str(await ctx.db.fetchval(ADDRESS, tenant))


async def test_a_route_gets_the_tenant_of_the_session(mia: Client) -> None:
    assert (await mia.get("/app/x/probe/who")).text == "Mia of alpha"


async def test_public_routes_name_the_tenant(nobody: Client) -> None:
    assert (await nobody.get("/t/alpha/probe/hello")).text == "hello from alpha to visitor"
    posted = await nobody.post("/t/alpha/probe/hook", content=b"x" * 50)
    assert posted.text == "50 bytes for alpha"


@pytest.mark.parametrize("tenant", ["bravo", "unknown", "../alpha", "alpha%00", "ALPHA"])
async def test_disabled_and_unknown_are_the_same(nobody: Client, tenant: str) -> None:
    answer = await nobody.get(f"/t/{tenant}/probe/hello")
    assert answer.status_code == 404
    assert tenant not in answer.text


async def test_switched_off_while_signed_in(mia: Client) -> None:
    async with mia.core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE tenancy_plugin SET enabled = false WHERE plugin = 'probe'")
    assert (await mia.page("/app/x/probe/who")).status_code == 404
    assert (await mia.get("/t/alpha/probe/hello")).status_code == 404


async def test_get_cannot_change_state(mia: Client) -> None:
    before = await address(mia.core)
    assert (await mia.get("/app/x/probe/write")).status_code == 500
    assert await address(mia.core) == before


async def test_post_is_one_transaction(mia: Client) -> None:
    answer = await mia.post("/app/x/probe/rename", data={"_csrf": mia.csrf})
    assert answer.status_code == 303
    assert await address(mia.core) == "renamed"


@pytest.mark.parametrize(("fail", "status"), [("raise", 500), ("status", 422), ("commit", 500)])
async def test_an_error_leaves_nothing(mia: Client, fail: str, status: int) -> None:
    before = await address(mia.core)
    answer = await mia.post(f"/app/x/probe/rename?fail={fail}", data={"_csrf": mia.csrf})
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert await address(mia.core) == before


@pytest.mark.parametrize("form", [{}, {"_csrf": ""}, {"_csrf": "0" * 32}])
async def test_a_form_from_elsewhere_is_refused(mia: Client, form: dict[str, str]) -> None:
    before = await address(mia.core)
    answer = await mia.post("/app/x/probe/rename", data=form)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "csrf"
    assert await address(mia.core) == before


async def test_the_token_belongs_to_the_session(mia: Client) -> None:
    old = mia.csrf
    await mia.sign_in()
    assert mia.csrf != old
    assert (await mia.post("/app/x/probe/rename", data={"_csrf": old})).status_code == 403
    header = {"X-CSRF-Token": mia.csrf}
    assert (await mia.post("/app/x/probe/rename", headers=header)).status_code == 303


async def test_public_routes_need_no_token(nobody: Client) -> None:
    assert (await nobody.post("/t/alpha/probe/rename")).status_code == 303


async def test_a_body_has_a_limit(mia: Client) -> None:
    big = "x" * 1_100_000
    answer = await mia.post("/app/x/probe/rename", data={"_csrf": mia.csrf, "big": big})
    assert answer.status_code == 413
    answer = await mia.post("/t/alpha/probe/hook", content=b"x" * 2_100_000)
    assert answer.status_code == 413


async def test_a_plugin_that_hangs(mia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "DEADLINE", 0.1)
    answer = await mia.get("/app/x/probe/hang")
    assert answer.status_code == 503
    assert "took too long" in answer.text
    assert (await mia.get("/app/x/probe/who")).status_code == 200


async def test_a_plugin_that_fails_is_named(mia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Failure] = []
    monkeypatch.setattr(mia.core.board, "report", told.append)
    page = await mia.page("/app/x/probe/boom")
    assert page.status_code == 500
    for inside in ("RuntimeError", "ada@example.com", "Traceback"):
        assert inside not in page.text
    assert "reference" in page.text
    [failure] = told
    assert (failure.tenant, failure.plugin) == ("alpha", "probe")
    assert failure.what == "route GET /app/x/probe/boom"


async def test_errors_for_people_and_machines(mia: Client) -> None:
    page = await mia.page("/app/x/probe/wrong")
    assert page.status_code == 400
    assert "That is wrong." in page.text
    assert "Make it right." in page.text
    assert "second &lt;fault&gt;" in page.text
    machine = (await mia.get("/app/x/probe/wrong")).json()["error"]
    assert machine["code"] == "invalid_input"
    assert machine["problems"] == ["first fault", "second <fault>"]
    assert (await mia.page("/nowhere")).status_code == 404
    assert (await mia.page("/app/x/nowhere/")).status_code == 404
    assert (await mia.post("/healthz")).status_code == 405


async def test_a_variable_that_was_not_given_is_an_error(mia: Client) -> None:
    assert (await mia.page("/app/x/probe/missing")).status_code == 500


async def test_what_a_template_is_given_is_escaped(mia: Client) -> None:
    page = await mia.page("/app/x/probe/page")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>" not in page.text


async def test_a_page_in_the_frame_of_the_admin(mia: Client) -> None:
    page = await mia.page("/app/x/probe/framed")
    assert "<title>Segments · Alpha</title>" in page.text
    assert 'href="/app/campaigns"' in page.text


async def test_headers_on_every_answer(mia: Client) -> None:
    for path in ("/app/x/probe/page", "/nowhere", "/app/x/probe/boom", "/healthz", "/sign-in"):
        answer = await mia.page(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
        if path.startswith("/app"):
            assert answer.headers["cache-control"] == "no-store"


async def test_headers_in_production_and_in_shopify(site: Core) -> None:
    app = create_app(replace(site, production=True), frame_ancestors="https://admin.shopify.com")
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://mail.test") as client:
        headers = (await client.get("/healthz")).headers
    assert "max-age=" in headers["strict-transport-security"]
    assert "frame-ancestors https://admin.shopify.com" in headers["content-security-policy"]


async def test_static_files_may_be_kept_for_ever(mia: Client) -> None:
    page = (await mia.page("/app/x/probe/page")).text
    path = page.partition('<link href="')[2].partition('"')[0]
    answer = await mia.get(path)
    assert answer.text == "p { color: red }\n"
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    for wrong in (path.replace(".css", ".py"), "/static/x/probe/probe.css", f"{path}/../probe.py"):
        assert (await mia.get(wrong)).status_code == 404


async def test_health(nobody: Client) -> None:
    assert (await nobody.get("/healthz")).json() == {"status": "ok"}
    assert (await nobody.get("/readyz")).json() == {
        "status": "ok",
        "postgres": True,
        "redis": True,
    }


async def test_not_ready_without_postgres(site: Core) -> None:
    from kernel.db.uow import Pool

    app = create_app(replace(site, pool=Pool("postgresql://127.0.0.1:1/x")))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://mail.test") as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["postgres"] is False


async def test_panels(mia: Client) -> None:
    page = await mia.page("/app/")
    assert page.status_code == 200
    assert "The plugin “probe” could not show this." in page.text
    assert "&lt;i&gt;None&lt;/i&gt; at Alder &amp; Oak" in page.text
    assert "Absent" not in page.text


async def test_no_panels_of_a_plugin_that_is_off(nobody: Client) -> None:
    await nobody.sign_in("bravo")
    assert "probe" not in (await nobody.page("/app/")).text


async def test_a_page_in_the_menu_needs_its_route(site: Core) -> None:
    module = ModuleType("lost")
    pages = (AdminPage(title="Lost", path="nowhere", group="delivery"),)
    module.MANIFEST = Manifest(  # type: ignore[attr-defined]
        name="lost", version="1", title="L", summary="L.", kind="tool", pages=pages
    )
    board = build_plugboard(
        sorted(site.board.mandatory), extra=[("lost", module)], only=site.board.mandatory
    )
    with pytest.raises(BootError, match=r"lost.*nowhere"):
        create_app(replace(site, board=board))


async def test_routes_that_litestar_refuses_stop_the_boot(site: Core) -> None:
    module = ModuleType("crooked")
    crooked = Manifest(name="crooked", version="1", title="C", summary="C.", kind="tool")

    @get("/x")
    async def handler(state: str) -> None: ...

    @hookimpl
    def routes() -> list[object]:
        return [handler]

    module.MANIFEST, module.routes = crooked, routes  # type: ignore[attr-defined]
    board = build_plugboard(
        sorted(site.board.mandatory), extra=[("crooked", module)], only=site.board.mandatory
    )
    with pytest.raises(BootError, match="crooked"):
        create_app(replace(site, board=board))
