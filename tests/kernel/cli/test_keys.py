"""`mailwright keys`: what rests on an old secret, brought over, and what is said about dropping it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from kernel.cli import keys
from kernel.pipeline.suppressing import suppress
from kernel.profiles.consent import set_consents
from kernel.profiles.rights import erase_customer
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from tests.kernel.profiles.rotating import NEW, under

from .test_decisions import program, said

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


async def filled(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 5)
        await set_consents(ctx, [(who, "unsubscribed", "link", ctx.now) for who in ids])
        await suppress(ctx, "customer1@example.com", "complained")
        await erase_customer(ctx, ids[1])
        await add_messages(ctx, await add_campaign(ctx), ids, state="accepted", accepted_at=ctx.now)


async def code(core: Core, *arguments: str) -> int:
    done = await asyncio.to_thread(
        CliRunner().invoke, keys.command, arguments, obj=program(core), standalone_mode=False
    )
    assert done.exception is None, done.exception
    returned: int = done.return_value
    return returned


async def counted(core: Core) -> dict[str, dict[str, int]]:
    """alpha's numbers by secret; the log of tests goes to standard output too, and before."""
    text = await said(core, keys.command, "status", "--json")
    found: dict[str, dict[str, int]] = json.loads(text[text.index("{\n") :])["tenants"]["alpha"]
    return found


async def test_without_an_old_secret_there_is_nothing_to_do(core: Core) -> None:
    assert "MAILWRIGHT_OLD_SECRETS is empty" in await said(core, keys.command, "rotate")
    text = await said(core, keys.command, "status")
    assert "current" in text and "old" not in text
    assert core.links.secret not in text
    assert await code(core, "status") == 0


async def test_a_change_from_dry_run_to_status(core: Core) -> None:
    await filled(core)
    new = under(core, NEW, core.links.secret)
    text = await said(new, keys.command, "rotate", "--dry-run")
    assert "alpha: 4 keys of evidence, 2 suppressions" in text and "bravo: nothing" in text
    before = await counted(new)
    assert before["old 1"]["persons"] == 4 and before["old 1"]["mails"] == 5
    assert before["current"]["persons"] == 0

    text = await said(new, keys.command, "rotate")
    assert "alpha: 4 keys of evidence, 1 suppressions\nbravo: nothing\nDone." in text
    assert "alpha: nothing" in await said(new, keys.command, "rotate")
    after = await counted(new)
    assert after["old 1"] == before["old 1"] | {"persons": 0, "suppressions": 1}
    assert after["current"]["persons"] == 4

    text = await said(new, keys.command, "status")
    assert "old 1: keep it in MAILWRIGHT_OLD_SECRETS" in text
    assert "links in up to 5 mails are dead" in text
    assert "1 suppressions are not recognised" in text and "evidence of" not in text
    assert core.links.secret not in text and NEW not in text
    assert await code(new, "status") == 0


async def test_mails_after_the_change_do_not_rest_on_the_old_secret(core: Core) -> None:
    await filled(core)
    new = under(core, NEW, core.links.secret)
    await said(new, keys.command, "rotate")
    async with new.tenant_scope("alpha") as ctx:
        later = await ctx.db.fetchval("SELECT max(at) + interval '1 hour' FROM tenancy_audit")
        ids = await add_customers(ctx, 2)
        await add_messages(ctx, await add_campaign(ctx), ids, state="accepted", accepted_at=later)
    assert "links in up to 5 mails" in await said(new, keys.command, "status")
    # An old secret that nothing was ever made with may go.
    unused = under(core, core.links.secret, NEW)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("DELETE FROM pipeline_message")
    await said(unused, keys.command, "rotate")
    assert "old 1: nothing rests on it; you may drop it." in await said(
        unused, keys.command, "status"
    )


@pytest.mark.parametrize("command", [("status",), ("status", "--json")])
async def test_a_missing_secret_is_an_exit_code(core: Core, command: tuple[str, ...]) -> None:
    await filled(core)
    lost = under(core, NEW)
    assert await code(lost, *command) == 1
    assert "Something rests on a secret that is not set" in await said(lost, keys.command, "status")
