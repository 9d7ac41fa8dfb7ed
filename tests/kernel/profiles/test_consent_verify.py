"""Tampering, in every way a superuser can, is found and its row named."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kernel.contracts.errors import InvalidInput
from kernel.jobs.kernel_jobs import KERNEL_JOBS
from kernel.profiles import consent_chain as chain
from kernel.profiles.consent import set_consent, set_consents
from kernel.profiles.consent_anchor import anchor, anchors, export, public_key, read_export
from kernel.profiles.consent_history import consent_history
from kernel.profiles.consent_ledger import open_ledger
from kernel.profiles.consent_verify import Report, check, verify
from kernel.profiles.consent_walk import Walk
from kernel.testing.seed import add_customers

from .conftest import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core

COUNT = 12
NOBODY_ASKED = {"email_consent": "unknown", "consent_at": None, "consent_source": ""}


async def filled(core: Core, count: int = COUNT) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, count, **NOBODY_ASKED)
        await set_consents(ctx, [(who, "subscribed", "form", DAY) for who in ids])


async def tamper(core: Core, *statements: str) -> None:
    """As superuser, past triggers and rights."""
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        for sql in statements:
            await unit.execute(sql)


async def verified(core: Core, against: Path | None = None) -> Report:
    async with core.tenant_scope("alpha") as ctx:
        return await verify(ctx, read_export(against) if against else None)


async def exported(core: Core, path: Path, *, entries: bool = True) -> Path:
    async with core.tenant_scope("alpha") as ctx:
        path.write_bytes(b"".join([part async for part in export(ctx, entries=entries)]))
    return path


async def rewrite(core: Core, start: int, change: dict[str, Any], *, head: bool = True) -> None:
    """What a superuser without our secret can do at best: alter row `start` and chain all anew."""
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        rows = await unit.fetch("SELECT * FROM profiles_consent ORDER BY seq")
        before = chain.genesis("alpha") if start == 1 else rows[start - 2]["hash"]
        for row in rows[start - 1 :]:
            values = dict(row) | (change if row["seq"] == start else {})
            fields = chain.Fields(*(values[name] for name in chain.Fields._fields))
            digest = hashlib.sha256(values["evidence"]).digest()
            made = chain.chained("alpha", before, fields, digest)
            await unit.execute(
                "UPDATE profiles_consent SET kind = $2, evidence = $3, evidence_hash = $4, "
                "prev_hash = $5, hash = $6 WHERE seq = $1",
                *(row["seq"], values["kind"], values["evidence"], digest, before, made),
            )
            before = made
        if head:
            await unit.execute("UPDATE profiles_consent_head SET hash = $1", before)


async def test_an_untouched_ledger_is_sound(core: Core) -> None:
    assert (await verified(core)).entries == 0
    await filled(core)
    report = await verified(core)
    assert report.sound and report.entries == COUNT
    async with core.tenant_scope("bravo") as bravo:
        assert (await verify(bravo)).entries == 0


FIELDS = {
    "subject": "gen_random_uuid()",
    "kind": "'withdrawn'",
    "purpose": "'tracking'",
    "basis": "'imported'",
    "wording": "'news-9'",
    "source": "'elsewhere'",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 day'",
    "hash": "sha256('x')",
    "evidence_hash": "sha256('x')",
}


@pytest.mark.parametrize("field", FIELDS)
async def test_an_altered_field_names_its_row(core: Core, field: str) -> None:
    await filled(core)
    await tamper(core, f"UPDATE profiles_consent SET {field} = {FIELDS[field]} WHERE seq = 5")
    report = await verified(core)
    assert (
        report.findings[0].seq == 5
        and "field of this row was altered" in report.findings[0].problem
    )
    assert len(report.findings) <= 2


@pytest.mark.parametrize(
    ("statements", "seq", "said"),
    [
        (["UPDATE profiles_consent SET evidence = evidence || '\\x00' WHERE seq = 5"], 5, "evidence"),
        (["UPDATE profiles_consent SET evidence = '' WHERE seq = 5"], 5, "evidence"),
        ([("UPDATE profiles_consent a SET evidence = b.evidence FROM profiles_consent b "
          "WHERE a.seq = 5 AND b.seq = 6")], 5, "evidence"),
        (["UPDATE profiles_consent SET prev_hash = sha256('x') WHERE seq = 5"], 5, "altered"),
        (["UPDATE profiles_consent SET mac = mac || '\\x00' WHERE seq = 5"], 5, "forged"),
        (["UPDATE profiles_consent SET mac = sha256('x') WHERE seq = 5"], 5, "another secret"),
        (["DELETE FROM profiles_consent WHERE seq = 5"], 5, "this row is missing"),
        (["DELETE FROM profiles_consent WHERE seq BETWEEN 5 AND 7"], 5, "rows 5 to 7 are missing"),
        (["DELETE FROM profiles_consent WHERE seq = 1"], 1, "missing"),
        (["DELETE FROM profiles_consent WHERE seq > 10"], 11, "Rows 11 to 12 are missing at the end"),
        (["DELETE FROM profiles_consent"], 1, "Rows 1 to 12 are missing at the end"),
        (["UPDATE profiles_consent_head SET hash = sha256('x')"], 12, "head"),
        (["UPDATE profiles_consent_head SET seq = 11"], 12, "behind the head"),
        (["DELETE FROM profiles_consent_head"], 1, "behind the head"),
    ],
)  # fmt: skip
async def test_what_was_done_is_told_and_where(
    core: Core, statements: list[str], seq: int, said: str
) -> None:
    await filled(core)
    await tamper(core, *statements)
    report = await verified(core)
    assert report.findings[0].seq == seq and said in report.findings[0].problem, report.findings


async def test_rows_that_changed_places_are_told(core: Core) -> None:
    await filled(core)
    moves = [(5, 99), (6, 5), (99, 6)]
    await tamper(
        core, *(f"UPDATE profiles_consent SET seq = {b} WHERE seq = {a}" for a, b in moves)
    )
    report = await verified(core)
    told = {finding.seq: finding.problem for finding in report.findings}
    assert told[5] == "This row was moved: it was written as row 6."
    assert told[6] == "This row was moved: it was written as row 5."
    assert report.more == 0 and set(told) <= {5, 6, 7}


async def forge(core: Core, seq: int, head: bool) -> None:
    """A row with the right hashes behind the last one; only our seal is not to be had."""
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        row = dict(await unit.fetchrow("SELECT * FROM profiles_consent WHERE seq = $1", seq - 1))
        row |= {"seq": seq, "prev_hash": row["hash"]}
        fields = chain.Fields(*(row[name] for name in chain.Fields._fields))
        row["hash"] = chain.chained("alpha", row["prev_hash"], fields, row["evidence_hash"])
        names, marks = ", ".join(row), ", ".join(f"${i}" for i in range(1, len(row) + 1))
        await unit.execute(
            f"INSERT INTO profiles_consent ({names}) VALUES ({marks})", *row.values()
        )
        if head:
            sql = "UPDATE profiles_consent_head SET seq = $1, hash = $2"
            await unit.execute(sql, seq, row["hash"])


@pytest.mark.parametrize("head", [True, False])
async def test_a_forged_row_at_the_end_lacks_our_seal(core: Core, head: bool) -> None:
    await filled(core)
    await forge(core, COUNT + 1, head)
    report = await verified(core)
    assert report.findings[0].seq == COUNT + 1 and "forged" in report.findings[0].problem


async def test_a_row_forged_into_the_middle_is_found(core: Core) -> None:
    await filled(core)
    shift = "UPDATE profiles_consent SET seq = seq {0} WHERE seq {1}"
    await tamper(core, shift.format("+ 100", ">= 6"), shift.format("- 99", "> 100"))
    await forge(core, 6, head=False)
    report = await verified(core)
    assert report.findings[0].seq == 6 and "forged" in report.findings[0].problem
    assert report.findings[1].problem == "This row was moved: it was written as row 6."


@pytest.mark.parametrize("head", [True, False])
async def test_a_chain_written_anew_is_found_at_its_first_row(core: Core, head: bool) -> None:
    await filled(core)
    await rewrite(core, 5, {"kind": "withdrawn"}, head=head)
    report = await verified(core)
    assert report.findings[0].seq == 5 and "forged" in report.findings[0].problem
    assert len(report.findings) == COUNT - 4 + (not head)


async def test_an_export_tells_what_a_row_was_before(core: Core, tmp_path: Path) -> None:
    await filled(core)
    path = await exported(core, tmp_path / "out.jsonl")
    assert (await verified(core, path)).anchors == 1
    # Who has the installation's secret too can seal a chain written anew; not what left the house.
    await rewrite(core, 5, {"kind": "withdrawn"})
    async with core.tenant_scope("alpha") as ctx:
        keys = chain.ring(ctx)[0]
        rows = await ctx.db.fetch("SELECT seq, hash FROM profiles_consent")
    macs = [f"UPDATE profiles_consent SET mac = '\\x{chain.mac(keys, bytes(h)).hex()}' WHERE seq = {n}"
            for n, h in rows]  # fmt: skip
    await tamper(core, *macs, "DELETE FROM profiles_consent_anchor")
    assert (await verified(core)).sound
    report = await verified(core, path)
    assert [finding.seq for finding in report.findings] == [5, COUNT]
    assert report.findings[0].problem.endswith("than in the export: kind.")
    head = await exported(core, tmp_path / "later.jsonl", entries=False)
    assert (await verified(core, head)).sound


async def test_a_cut_end_is_found_by_what_was_signed(core: Core, tmp_path: Path) -> None:
    await filled(core)
    path = await exported(core, tmp_path / "head.jsonl", entries=False)
    await tamper(
        core,
        "DELETE FROM profiles_consent WHERE seq > 9",
        "UPDATE profiles_consent_head SET seq = 9, "
        "hash = (SELECT hash FROM profiles_consent WHERE seq = 9)",
    )
    for against in (None, path):
        [finding] = (await verified(core, against)).findings
        assert finding.seq == 10 and "Rows 10 to 12 are missing at the end" in finding.problem
    await tamper(core, "DELETE FROM profiles_consent_anchor")
    assert (await verified(core)).sound, "nothing in the database tells of them any more"
    assert not (await verified(core, path)).sound, "the export does"


async def test_a_forged_anchor_is_found(core: Core) -> None:
    await filled(core)
    async with core.tenant_scope("alpha") as ctx:
        assert await anchor(ctx)
        assert len(await anchors(ctx)) == 1
    await tamper(core, "UPDATE profiles_consent_anchor SET hash = sha256('x')")
    [finding] = (await verified(core)).findings
    assert finding.seq == COUNT and "anchor" in finding.problem


async def test_erasing_leaves_a_chain_that_verifies(core: Core) -> None:
    from kernel.profiles.rights import erase_customer

    await filled(core)
    async with core.tenant_scope("alpha") as ctx:
        await erase_customer(ctx, await ctx.db.fetchval("SELECT min(id) FROM profiles_customer"))
    report = await verified(core)
    assert report.sound and report.entries == COUNT + 1


async def test_another_secret_is_told_as_that(core: Core) -> None:
    await filled(core)
    changed = replace(core, links=msgspec.structs.replace(core.links, secret="another" * 6))
    async with changed.tenant_scope("alpha") as ctx:
        who = await ctx.db.fetchval("SELECT min(id) FROM profiles_customer")
        await set_consent(ctx, who, "unsubscribed", "link", DAY + timedelta(days=1))
    async with changed.tenant_scope("alpha") as ctx:
        [finding] = (await verify(ctx)).findings
        assert finding.seq == 1 and "another secret" in finding.problem
        history = await consent_history(ctx, who)
        assert [entry.evidence is None for entry in history] == [False, True]
    [finding] = (await verified(core)).findings
    assert finding.seq == COUNT + 1 and "another secret" in finding.problem


async def test_an_export_proves_itself(core: Core, tmp_path: Path) -> None:
    await filled(core)
    path = await exported(core, tmp_path / "out.jsonl")
    assert "example.com" not in path.read_text()
    key = public_key(core.links.secret)
    assert check(path, key)[1].sound and check(path, key)[1].entries == COUNT
    assert not check(path, public_key("x" * 40))[1].sound
    lines = path.read_text().splitlines()
    for changed, seq in (
        ([*lines[:5], lines[5].replace("granted", "pending"), *lines[6:]], 5),
        (lines[:-1], COUNT - 1),
        ([*lines[:5], *lines[6:]], 5),
        ([*lines[:5], "{}"], 5),
        ([lines[0].replace('"seq":12', '"seq":11'), *lines[1:]], 11),
    ):
        bad = tmp_path / "bad.jsonl"
        bad.write_text("\n".join(changed))
        assert check(bad, key)[1].findings[0].seq == seq
    bad.write_text("id,email\n")
    with pytest.raises(InvalidInput, match="not an export"):
        read_export(bad)


async def test_the_nightly_job_opens_and_anchors(core: Core) -> None:
    job = KERNEL_JOBS["kernel.consent"].value
    await job.run(await core.detached("bravo"), {})
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 3)
        await add_customers(ctx, 1, **NOBODY_ASKED)
    for _ in range(2):
        await job.run(await core.detached("alpha"), {})
        async with core.tenant_scope("alpha") as ctx:
            rows = await ctx.db.fetch("SELECT kind, basis FROM profiles_consent")
            assert [tuple(row) for row in rows] == [("granted", "imported")] * 3
            [signed] = await anchors(ctx)
            assert signed.seq == 3
    assert await open_ledger(await core.detached("alpha")) == 0
    assert (await verified(core)).anchors == 1


def test_the_walk_keeps_no_more_than_it_tells() -> None:
    from uuid import UUID

    walk = Walk("alpha")
    for seq in range(1, 1001):
        fields = chain.Fields(seq, UUID(int=seq), "granted", "", "", "", "", DAY, DAY)
        walk.step(fields, chain.NOTHING, b"", b"wrong")
    assert len(walk.findings) == 100 and walk.more == 900
