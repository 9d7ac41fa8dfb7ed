from dataclasses import replace

import jwt
import msgspec
import pytest

from kernel.cli.main import cli
from kernel.tenancy.core import Core, Links
from kernel.testing.clock import TurnedClock
from kernel.web import auth, signing
from tests.kernel.web.conftest import Client

PAGE = "/app/x/probe/who"


async def test_a_link_signs_in_once(nobody: Client) -> None:
    link = auth.sign_in_link(nobody.core, "alpha", "Mia")
    asked = await nobody.page(link)
    assert asked.status_code == 200
    assert "Sign in to Alpha" in asked.text
    assert not nobody.cookies
    # Looking at it again, as a link preview does, uses nothing up.
    assert (await nobody.page(link)).status_code == 200

    token = link.partition("token=")[2]
    entered = await nobody.post("/sign-in", data={"token": token})
    assert entered.status_code == 303
    assert (await nobody.get(PAGE)).text == "Mia of alpha"

    nobody.cookies.clear()
    for again in (
        await nobody.post("/sign-in", data={"token": token}, headers={"Accept": "text/html"}),
        await nobody.page(link),
    ):
        assert again.status_code == 403
        assert "has been used already" in again.text
        assert "mailwright login --tenant alpha" in again.text
        assert not nobody.cookies


async def test_the_cookie(nobody: Client) -> None:
    cookie = (await nobody.sign_in()).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie
    safe = auth.session_cookie(
        replace(nobody.core, production=True), {"tenant": "alpha", "actor": "Mia", "id": "1"}
    )
    assert safe.secure
    assert safe.key.startswith("__Host-")


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "ey" * 400])
async def test_a_forged_link(nobody: Client, token: str) -> None:
    for answer in (
        await nobody.page(f"/sign-in?token={token}"),
        await nobody.post("/sign-in", data={"token": token}, headers={"Accept": "text/html"}),
    ):
        assert answer.status_code == 403
        assert "not valid" in answer.text
        assert "mailwright login" in answer.text
    assert not nobody.cookies


async def test_links_of_another_secret_or_purpose_are_forged(nobody: Client) -> None:
    other = replace(nobody.core, links=Links(base_url="http://mail.test", secret="x" * 40))
    link = auth.sign_in_link(other, "alpha")
    assert (await nobody.page(link)).status_code == 403
    # A former secret signs nobody in either: it may be why the secret was changed.
    mine = nobody.core.links
    nobody.core.links = msgspec.structs.replace(mine, secret="y" * 40, old_secrets=(mine.secret,))
    former = auth.sign_in_link(replace(nobody.core, links=mine), "alpha")
    assert (await nobody.page(former)).status_code == 403
    nobody.core.links = mine
    assert (await nobody.page(former)).status_code == 200
    unsigned = jwt.encode({"tenant": "alpha", "actor": "a", "id": "1", "exp": 9e9}, "", "none")
    assert (await nobody.page(f"/sign-in?token={unsigned}")).status_code == 403
    # A session's cookie is no link, and a link is no session.
    session = auth.session_cookie(nobody.core, {"tenant": "alpha", "actor": "a", "id": "1"})
    assert (await nobody.page(f"/sign-in?token={session.value}")).status_code == 403
    token = auth.sign_in_link(nobody.core, "alpha").partition("token=")[2]
    nobody.cookies.set(auth.cookie_name(nobody.core), token)
    assert (await nobody.page(PAGE)).status_code == 401


async def test_an_expired_link(nobody: Client, clock: TurnedClock) -> None:
    link = auth.sign_in_link(nobody.core, "alpha")
    clock.turn(minutes=31)
    answer = await nobody.page(link)
    assert answer.status_code == 403
    assert "has expired" in answer.text


async def test_a_link_to_a_tenant_that_is_gone(nobody: Client) -> None:
    assert (await nobody.page(auth.sign_in_link(nobody.core, "nobody"))).status_code == 404


async def test_without_a_session(nobody: Client) -> None:
    page = await nobody.page(PAGE)
    assert page.status_code == 401
    assert "mailwright login --tenant" in page.text
    machine = await nobody.get(PAGE)
    assert machine.json()["error"]["code"] == "unauthenticated"
    assert (await nobody.post("/app/x/probe/rename")).status_code == 401


async def test_a_session_ends(mia: Client, clock: TurnedClock) -> None:
    clock.turn(hours=11)
    assert (await mia.get(PAGE)).status_code == 200
    clock.turn(hours=2)
    answer = await mia.page(PAGE)
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text


async def test_signing_out_ends_the_session_wherever_its_cookie_is(mia: Client) -> None:
    name = auth.cookie_name(mia.core)
    copied = mia.cookies[name]
    assert (await mia.post("/app/sign-out")).status_code == 403
    assert (await mia.get(PAGE)).status_code == 200
    left = await mia.post("/app/sign-out", data={"_csrf": mia.csrf})
    assert left.headers["location"] == "/signed-out"
    assert name not in mia.cookies
    assert "You have signed out" in (await mia.page("/signed-out")).text
    mia.cookies.set(name, copied)
    answer = await mia.page(PAGE)
    assert answer.status_code == 401
    assert "You have signed out" in answer.text


async def test_another_site_cannot_sign_you_in(nobody: Client) -> None:
    token = auth.sign_in_link(nobody.core, "alpha").partition("token=")[2]
    answer = await nobody.post(
        "/sign-in", data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert not nobody.cookies


async def test_a_session_of_one_tenant_is_none_of_another(nobody: Client) -> None:
    await nobody.sign_in("bravo")
    answer = await nobody.page("/app/")
    assert "Bravo" in answer.text
    # The plugin is off for bravo: as if it were not there.
    assert (await nobody.page(PAGE)).status_code == 404


def test_a_name_and_a_time_go_into_what_is_signed(core: Core) -> None:
    now, secret = core.clock.now(), core.links.secret
    token = signing.sign(secret, "link", {"a": 1}, now, auth.LINK_LASTS)
    assert signing.verify(secret, "link", token, now)["a"] == 1


def test_login_is_a_command() -> None:
    assert "login" in cli.list_commands(cli.make_context("mailwright", ["--debug", "login"]))
