"""RFC 8058, header by header; the token by mail and by command; and tokens nobody signed."""

from __future__ import annotations

import asyncio
import base64
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from kernel.cli.program import Program
from kernel.contracts.errors import Forbidden, NotFound
from kernel.sdk import MessageVars, sign, suppressed, verify
from kernel.tenancy.core import Links
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.compliance import commands, footer, preferences, unsubscribe

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core

EMAIL = "ada@example.com"
BYTES = st.binary(max_size=60)
TOKENS = st.one_of(
    st.text(max_size=200),
    BYTES.map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
    st.tuples(BYTES, BYTES).map(
        lambda two: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in two)
    ),
)


async def mailed(core: Core) -> Outgoing:
    """A finished mail to Ada, with its headers."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, email=EMAIL)
        batch = await add_messages(ctx, await add_campaign(ctx), ids, state="accepted")
        [message] = await rendered(ctx, batch)
    return message


def token_of(message: Outgoing) -> str:
    assert message.rendered is not None
    found = re.search(r"/u/([^>]+)>", message.rendered.headers["List-Unsubscribe"])
    assert found is not None
    return found[1]


async def consent(core: Core) -> str:
    async with core.tenant_scope("alpha") as ctx:
        found: str = await ctx.db.fetchval("SELECT email_consent FROM profiles_customer LIMIT 1")
    return found


@pytest.mark.parametrize("host", ["", "reply.shop.example"])
async def test_the_headers_hold_one_link_and_perhaps_one_address(core: Core, host: str) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """INSERT INTO tenancy_plugin (tenant_id, plugin, settings)
               VALUES ('alpha', 'compliance', jsonb_build_object('unsubscribe_mailbox', $1::text))
               ON CONFLICT (tenant_id, plugin) DO UPDATE SET settings = excluded.settings""",
            host,
        )
    message = await mailed(core)
    assert message.rendered is not None
    headers = message.rendered.headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    links = re.findall(r"<([^<>]*)>", headers["List-Unsubscribe"])
    assert len([link for link in links if link.startswith("http")]) == 1
    mails = [link for link in links if link.startswith("mailto:")]
    assert mails == ([f"mailto:u+{token_of(message)}@{host}"] if host else [])
    assert len(links) == 1 + len(mails)
    assert "\n" not in headers["List-Unsubscribe"]


async def test_every_mail_knows_its_preference_centre(core: Core) -> None:
    message = await mailed(core)
    async with core.tenant_scope("alpha") as ctx:
        [filled] = footer.fill(ctx, [message], [MessageVars(slots={})])
        link = str(filled.slots["preferences_url"])
        found = await preferences.choices(ctx, link.rpartition("/")[2])
    assert found is not None and found.customer_id == message.customer_id


async def told(core: Core, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command, on the core of the test and in its loop."""
    loop = asyncio.get_running_loop()

    class Here(Program):
        def run(self, work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work(core), loop).result()

    done = await asyncio.to_thread(
        CliRunner().invoke, commands.unsubscribe, arguments, obj=Here(), standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout


@pytest.mark.parametrize("spelt", ["{}", "u+{}@reply.shop.example"])
async def test_the_command_takes_the_token_of_a_mail(core: Core, spelt: str) -> None:
    message = await mailed(core)
    token = spelt.format(token_of(message))
    assert (await told(core, "alpha", "-x" + token))[0] == 1
    assert (await told(core, "bravo", token))[0] == 1
    assert await consent(core) == "subscribed"
    for _ in range(2):
        assert await told(core, "alpha", token) == (0, "unsubscribed\n")
    assert await consent(core) == "unsubscribed"
    with pytest.raises(NotFound):
        await told(core, "nobody", token)


async def test_planned_transactional_mail_is_spared(core: Core) -> None:
    kinds = {kind.value.name: kind.value for kind in core.board.campaign_types.values()}
    message = await mailed(core)
    async with core.tenant_scope("alpha") as ctx:
        for name in kinds:
            campaign = await add_campaign(ctx, name)
            await add_messages(ctx, campaign, [message.customer_id], state="planned")
        assert await unsubscribe.unsubscribe_by_token(ctx, token_of(message))
        rows = await ctx.db.fetch(
            """SELECT c.campaign_type, m.state FROM pipeline_message m
               JOIN pipeline_campaign c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
               WHERE m.tenant_id = $1 AND m.id <> $2""",
            ctx.tenant.id,
            message.id,
        )
    assert {row["campaign_type"] for row in rows} == set(kinds)
    for row in rows:
        spared = kinds[row["campaign_type"]].transactional
        assert row["state"] == ("planned" if spared else "cancelled"), row["campaign_type"]


async def test_what_fails_half_way_leaves_nothing(core: Core) -> None:
    message = await mailed(core)

    async def interrupted() -> None:
        async with core.tenant_scope("alpha") as ctx:
            await unsubscribe.unsubscribe(ctx, message.id, message.customer_id)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await interrupted()
    assert await consent(core) == "subscribed"
    async with core.tenant_scope("alpha") as ctx:
        assert await suppressed(ctx, [EMAIL]) == {}
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_outcome") == 0


@hypothesis(max_examples=200)
@given(token=TOKENS, at=st.integers(0, 200), letter=st.characters())
@example(token="", at=0, letter="")
def test_no_other_token_is_anybodys(token: str, at: int, letter: str) -> None:
    """Neither a made-up one, nor one of ours with a letter changed, nor one for another purpose or shop."""
    signer: Any = SimpleNamespace(
        core=SimpleNamespace(
            links=Links(base_url="http://mail.test", secret="0123456789abcdef" * 2)
        ),
        tenant=SimpleNamespace(id="alpha"),
    )
    other: Any = SimpleNamespace(core=signer.core, tenant=SimpleNamespace(id="bravo"))
    message = b"0123456789abcdef"
    ours = sign(signer, footer.PREFERENCES, message)
    assert verify(signer, footer.PREFERENCES, ours) == message
    at %= len(ours)
    for tried in (token, ours[:at] + letter + ours[at + 1 :], ours):
        for ctx in (signer, other):
            for purpose in (footer.PURPOSE, footer.PREFERENCES, unsubscribe.UNDO):
                try:
                    value = verify(ctx, purpose, tried)
                except Forbidden:
                    continue
                assert (ctx, purpose, value) == (signer, footer.PREFERENCES, message)
                assert tried.startswith(ours[:at])


@hypothesis(max_examples=200)
@given(body=st.one_of(BYTES, st.text(max_size=80).map(str.encode)))
@example(body=b"do=save")
def test_any_body_is_a_form_of_ours_or_nothing(body: bytes) -> None:
    found = preferences.read(body)
    assert found is None or (b"do=" in body and found.topics <= set(preferences.TOPICS))
