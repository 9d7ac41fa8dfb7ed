"""A new secret loses nothing: neither evidence nor suppressions, links nor proofs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from kernel.contracts.errors import Forbidden, Unavailable
from kernel.pipeline.suppressing import suppress
from kernel.profiles import consent_keys, rotation, suppression
from kernel.profiles.consent import set_consent, set_consents
from kernel.profiles.consent_anchor import anchor, export, read_export
from kernel.profiles.consent_history import consent_history
from kernel.profiles.consent_verify import verify
from kernel.profiles.rights import erase_customer
from kernel.profiles.rotation import Resting, resting
from kernel.profiles.suppression_page import page
from kernel.tenancy.keys import decrypt, encrypt
from kernel.tenancy.links import sign
from kernel.tenancy.links import verify as verify_link
from kernel.testing.seed import add_customers

from .conftest import DAY
from .rotating import NEW, NEWER, under

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core

ADA = "ada@example.com"
NOBODY = "nobody@example.com"


async def rotate(core: Core) -> Resting:
    return await rotation.rotate(await core.detached("alpha"), lambda what, count: None)


async def rests(core: Core) -> list[Resting]:
    async with core.tenant_scope("alpha") as ctx:
        return await resting(ctx)


async def evidence(core: Core, who: int) -> list[Any]:
    async with core.tenant_scope("alpha") as ctx:
        return [
            entry.evidence and entry.evidence["email"] for entry in await consent_history(ctx, who)
        ]


async def said(core: Core, who: int, state: str, day: int) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await set_consent(ctx, who, state, "form", DAY.replace(day=day))  # type: ignore[arg-type]


async def filled(core: Core, count: int = 3) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(
            ctx, count, email_consent="unknown", consent_at=None, consent_source=""
        )
        await set_consents(ctx, [(who, "subscribed", "form", DAY) for who in ids])
    return ids


# --- evidence ---------------------------------------------------------------------------------------


async def test_evidence_is_read_and_written_across_two_changes(core: Core) -> None:
    ada = (await filled(core))[0]
    first = core.links.secret
    second = under(core, NEW, first)
    await said(second, ada, "unsubscribed", 11)
    assert await evidence(second, ada) == ["customer1@example.com"] * 2
    assert await evidence(under(core, NEW), ada) == [
        None,
        None,
    ]  # one key a person, still the first's
    assert (await rotate(second)).persons == 3
    assert await evidence(under(core, NEW), ada) == ["customer1@example.com"] * 2
    third = under(core, NEWER, NEW, first)
    await said(third, ada, "subscribed", 12)
    assert (await rotate(third)).persons == 3
    assert await evidence(under(core, NEWER), ada) == ["customer1@example.com"] * 3
    assert await evidence(under(core, NEW, first), ada) == [None] * 3
    async with core.system_scope("test") as unit:
        assert await unit.fetchval("SELECT count(*) FROM profiles_person_key") == 3


async def test_what_came_in_while_the_old_secret_was_missing_is_kept_too(core: Core) -> None:
    [ada] = await filled(core, 1)
    alone = under(core, NEW)
    await said(alone, ada, "unsubscribed", 11)
    assert await evidence(alone, ada) == ["customer1@example.com", None]
    both = under(core, NEW, core.links.secret)
    assert await evidence(both, ada) == ["customer1@example.com"] * 2
    assert (await rotate(both)).persons == 1
    assert await evidence(alone, ada) == ["customer1@example.com"] * 2
    # Back to the former secret, with nothing else set: new evidence overwrites no key.
    await said(core, ada, "subscribed", 12)
    assert await evidence(core, ada) == ["customer1@example.com", None, None]
    back = under(core, core.links.secret, NEW)
    assert await evidence(back, ada) == ["customer1@example.com"] * 3
    async with back.tenant_scope("alpha") as ctx:
        await erase_customer(ctx, ada)
    assert await evidence(back, ada) == []
    async with core.system_scope("test") as unit:
        assert await unit.fetchval("SELECT count(*) FROM profiles_person_key") == 0


async def test_a_rotation_that_was_stopped_goes_on(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(core, 7)
    monkeypatch.setattr(consent_keys, "PAGE", 2)
    new = under(core, NEW, core.links.secret)

    def stop(what: str, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotation.rotate(await new.detached("alpha"), stop)
    assert [one.persons for one in await rests(new)] == [2, 5, 0]
    assert (await rotate(new)).persons == 5
    assert (await rotate(new)).nothing
    assert [one.persons for one in await rests(new)] == [7, 0, 0]
    async with core.tenant_scope("alpha") as ctx:
        lines = await ctx.db.fetch("SELECT detail FROM tenancy_audit WHERE action = 'keys.rotated'")
    assert len(lines) == 1 and '"persons":5' in lines[0]["detail"].replace(" ", "")


async def test_an_altered_key_holds_up_nobody(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await filled(core, 5)
    monkeypatch.setattr(consent_keys, "PAGE", 1)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_person_key SET wrapped = '\\x00' WHERE customer_id = $1", ids[2]
        )
    new = under(core, NEW, core.links.secret)
    assert (await rotate(new)).persons == 4
    assert (await rests(new))[1].persons == 1


# --- suppression ------------------------------------------------------------------------------------


async def listed(core: Core, *emails: str) -> dict[str, list[tuple[str, str]]]:
    async with core.tenant_scope("alpha") as ctx:
        found = await suppression.suppressed(ctx, emails)
        return {
            email: [(one.reason, one.topic) for one in entries] for email, entries in found.items()
        }


async def test_who_is_suppressed_and_erased_stays_so(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [ada] = await add_customers(ctx, email=ADA)
        await suppress(ctx, ADA, "complained")
        await suppress(ctx, NOBODY, "bounced")
        await erase_customer(ctx, ada)
        await add_customers(ctx, email="bo@example.com")
        await suppress(ctx, "Bo@Example.com", "unsubscribed", uuid4(), topic="offers")
    before = await listed(core, ADA, NOBODY, "bo@example.com", "eve@example.com")
    assert before == {
        ADA: [("complained", "")],
        NOBODY: [("bounced", "")],
        "bo@example.com": [("unsubscribed", "offers")],
    }
    new = under(core, NEW, core.links.secret)
    for _ in range(2):
        assert await listed(new, ADA, NOBODY, "bo@example.com", "eve@example.com") == before
        async with new.tenant_scope("alpha") as ctx:
            assert all(line.readable for line in (await page(ctx)).lines)
        await rotate(new)
    # Only Bo's address is known: the other two rest on the old secret, for ever.
    assert [one.suppressions for one in await rests(new)] == [1, 2, 0]
    with pytest.raises(Unavailable, match="another secret"):
        await listed(under(core, NEW), ADA)
    newer = under(core, NEWER, NEW, core.links.secret)
    await rotate(newer)
    assert await listed(newer, ADA, NOBODY, "bo@example.com", "eve@example.com") == before


async def test_an_import_brings_no_erased_person_back_after_a_rotation(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [ada] = await add_customers(ctx, email=ADA)
        await erase_customer(ctx, ada)
    new = under(core, NEW, core.links.secret)
    await rotate(new)
    async with new.tenant_scope("alpha") as ctx:
        await add_customers(ctx, email=ADA)  # the address is there again
    assert (await rotate(new)).suppressions == 1
    assert await listed(under(core, NEW), ADA) == {ADA: [("erased", "")]}


async def test_two_processes_under_different_secrets_lose_nothing(core: Core) -> None:
    """Of two entries of an address the sterner stays, whichever secret it is of."""
    new = under(core, NEW, core.links.secret)
    old = under(core, core.links.secret, NEW)
    for first, second in ((old, new), (new, old)):
        async with first.tenant_scope("alpha") as ctx:
            await ctx.db.execute("DELETE FROM profiles_suppression")
            await suppress(ctx, ADA, "complained")
        async with second.tenant_scope("alpha") as ctx:
            await suppress(ctx, ADA, "unsubscribed")
            await suppress(ctx, ADA, "manual", topic="offers")
        for one in (first, second):
            assert await listed(one, ADA) == {ADA: [("complained", ""), ("manual", "offers")]}
        async with first.tenant_scope("alpha") as ctx:
            assert await suppression.unsuppress(ctx, ADA)
            assert await suppression.unsuppress(ctx, ADA, topic="offers")
        assert await listed(second, ADA) == {}


@pytest.mark.parametrize("seed", range(6))
async def test_a_history_with_changes_of_the_secret_is_as_one_without(
    core: Core, seed: int
) -> None:
    """The same acts on two sets of addresses: one shop changes and rotates meanwhile."""
    chance = random.Random(seed)
    secrets = [core.links.secret]
    here = core
    async with core.tenant_scope("alpha") as ctx:
        for n in range(4):
            await add_customers(ctx, email=f"c{n}@example.com")
    known: dict[tuple[str, str], str] = {}
    for step in range(40):
        email = f"c{chance.randrange(6)}@example.com"
        topic = chance.choice(["", "offers"])
        act = chance.choice(["suppress", "suppress", "suppress", "take off", "secret", "rotate"])
        if act == "suppress":
            reason = chance.choice(["unsubscribed", "complained", "bounced", "manual"])
            async with here.tenant_scope("alpha") as ctx:
                await suppress(ctx, email, reason, topic=topic)  # type: ignore[arg-type]
            if known.get((email, topic)) not in ("complained", "bounced"):
                known[email, topic] = reason
        elif act == "take off":
            async with here.tenant_scope("alpha") as ctx:
                there = await suppression.unsuppress(ctx, email, topic=topic)
            assert there == (known.pop((email, topic), None) is not None)
        elif act == "secret":
            secrets.insert(0, f"{seed:02}-{step:02}-{chance.getrandbits(160):040x}")
            here = under(core, *secrets)
        else:
            await rotate(here)
    found = await listed(here, *(f"c{n}@example.com" for n in range(6)))
    seen = {(email, topic): reason for email, rows in found.items() for reason, topic in rows}
    assert seen == known
    assert sum(map(len, found.values())) == len(known)
    async with here.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM profiles_suppression") == len(known)
        assert (await verify(ctx)).sound


# --- proofs, links, columns --------------------------------------------------------------------------


async def test_old_seals_anchors_and_exports_are_still_proved(core: Core, tmp_path: Path) -> None:
    [ada] = await filled(core, 1)
    path = tmp_path / "out.jsonl"
    async with core.tenant_scope("alpha") as ctx:
        path.write_bytes(b"".join([part async for part in export(ctx)]))
    new = under(core, NEW, core.links.secret)
    await rotate(new)
    await said(new, ada, "unsubscribed", 11)
    async with new.tenant_scope("alpha") as ctx:
        assert await anchor(ctx)
        report = await verify(ctx, read_export(path))
    assert report.sound and not report.notes and report.anchors == 2
    now, old, missing = await rests(new)
    assert (now.entries, old.entries, now.anchors, old.anchors) == (1, 1, 1, 1)
    assert missing.nothing
    async with under(core, NEW).tenant_scope("alpha") as ctx:
        found = (await verify(ctx)).findings
    assert [one.seq for one in found] == [1, 1]
    assert not (await rests(under(core, NEW)))[-1].nothing


async def test_an_old_seal_after_a_new_one_is_noted(core: Core) -> None:
    [ada] = await filled(core, 1)
    new = under(core, NEW, core.links.secret)
    await said(new, ada, "unsubscribed", 11)
    await said(under(core, core.links.secret, NEW), ada, "subscribed", 12)
    async with new.tenant_scope("alpha") as ctx:
        report = await verify(ctx)
    [note] = report.notes
    assert report.sound and note.startswith(
        "Row 3 is sealed with an old secret, row 2 with the new"
    )
    forged = "UPDATE profiles_consent SET mac = substr(mac, 1, 4) || sha256('x') WHERE seq = 1"
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        await unit.execute(forged)
    async with new.tenant_scope("alpha") as ctx:
        [finding] = (await verify(ctx)).findings
    assert finding.seq == 1 and "forged" in finding.problem


async def test_links_work_for_ever_and_are_made_under_the_new_secret(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        token = sign(ctx, "compliance/unsubscribe", b"m")
    async with under(core, NEW, core.links.secret).tenant_scope("alpha") as ctx:
        assert verify_link(ctx, "compliance/unsubscribe", token) == b"m"
        fresh = sign(ctx, "compliance/unsubscribe", b"m")
        with pytest.raises(Forbidden):
            verify_link(ctx, "compliance/preferences", token)
    for secret, good, bad in ((NEW, fresh, token), (core.links.secret, token, fresh)):
        async with under(core, secret).tenant_scope("alpha") as ctx:
            assert verify_link(ctx, "compliance/unsubscribe", good) == b"m"
            with pytest.raises(Forbidden):
                verify_link(ctx, "compliance/unsubscribe", bad)


async def test_columns_of_plugins_are_encrypted_anew(core: Core) -> None:
    purpose = "sendgrid/erasure"
    async with core.tenant_scope("alpha") as ctx:
        for plain in (b"one", b"two", b""):
            await ctx.db.execute(
                """INSERT INTO sendgrid_erasure (tenant_id, id, asked_at, next_at, sealed, how)
                   VALUES ('alpha', gen_random_uuid(), now(), now(), $1, '')""",
                encrypt(ctx, purpose, plain) if plain else b"",
            )
    new = under(core, NEW, core.links.secret)
    assert [one.encrypted for one in await rests(new)] == [0, 2, 0]
    assert (await rotate(new)).encrypted == 2
    assert (await rotate(new)).nothing
    async with under(core, NEW).tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT sealed FROM sendgrid_erasure ORDER BY sealed = ''")
        opened = [decrypt(ctx, purpose, row["sealed"]) for row in rows]
        assert sorted(map(str, opened)) == ["None", "b'one'", "b'two'"]
        assert decrypt(ctx, "sendgrid/other", rows[0]["sealed"]) is None
    async with under(core, NEW).tenant_scope("bravo") as ctx:
        assert decrypt(ctx, purpose, rows[0]["sealed"]) is None
    assert [one.encrypted for one in await rests(core)] == [0, 2]
