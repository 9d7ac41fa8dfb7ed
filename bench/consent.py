"""The consent ledger: a million entries verified, beside a bare SHA-256 loop over the same bytes.

Method: statements on 100,000 customers at a time, as imports bring them, until there are a million
entries; then the verifier walks all of them as `mailwright consent verify` does: rows, hashes, seals,
anchors. The baseline only hashes byte strings of the same lengths, in the same loop: no database, no
comparison. Memory: the peak of this process before and after the walk.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import polars as pl

from bench.support import bench_core, peak_mb, run, table
from kernel.profiles.consent import apply_consent
from kernel.profiles.consent_anchor import anchor, export
from kernel.profiles.consent_verify import verify
from kernel.testing.seed import add_customers

ENTRIES = int(os.environ.get("BENCH_CONSENT", "1000000"))
PEOPLE = 100_000
DAY = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(core: object) -> list[float]:
    """Seconds that each 100,000 statements took, with the commit."""
    async with core.tenant_scope("bench") as ctx:  # type: ignore[attr-defined]
        ids = await add_customers(
            ctx, PEOPLE, email_consent="unknown", consent_at=None, consent_source=""
        )
    took = []
    for turn in range(ENTRIES // PEOPLE):
        state = ["subscribed", "unsubscribed"][turn % 2]
        frame = pl.DataFrame({"customer_id": ids}).with_columns(
            state=pl.lit(state), source=pl.lit("import"), at=pl.lit(DAY + timedelta(days=turn))
        )
        begun = time.perf_counter()
        async with core.tenant_scope("bench") as ctx:  # type: ignore[attr-defined]
            await apply_consent(ctx, frame)
        took.append(time.perf_counter() - begun)
    return took


def bare(entries: int) -> float:
    """Seconds for the hashes alone: evidence, and the chain."""
    body, evidence, last = os.urandom(190), os.urandom(90), b"\0" * 32
    begun = time.perf_counter()
    for _ in range(entries):
        last = hashlib.sha256(last + body + hashlib.sha256(evidence).digest()).digest()
    return time.perf_counter() - begun


async def main() -> None:
    """Print seconds, entries a second, and memory."""
    async with bench_core() as core:
        took = await fill(core)
        async with core.tenant_scope("bench") as ctx:
            await anchor(ctx)
        before = peak_mb()
        begun = time.perf_counter()
        async with core.tenant_scope("bench") as ctx:
            report = await verify(ctx)
        walked, after = time.perf_counter() - begun, peak_mb()
        begun = time.perf_counter()
        size = 0
        async with core.tenant_scope("bench") as ctx:
            async for part in export(ctx):
                size += len(part)
        exported = time.perf_counter() - begun
        assert report.sound and report.entries == ENTRIES, report.findings
    hashing = bare(ENTRIES)
    table(
        ("what", "seconds", "entries/s"),
        [
            (
                "100,000 statements chained (first, with new keys)",
                f"{took[0]:.1f}",
                f"{PEOPLE / took[0]:,.0f}",
            ),
            ("100,000 statements chained (last)", f"{took[-1]:.1f}", f"{PEOPLE / took[-1]:,.0f}"),
            (f"{ENTRIES:,} verified", f"{walked:.1f}", f"{ENTRIES / walked:,.0f}"),
            (
                f"{ENTRIES:,} exported ({size / 1e6:,.0f} MB)",
                f"{exported:.1f}",
                f"{ENTRIES / exported:,.0f}",
            ),
            ("bare SHA-256 of the same bytes", f"{hashing:.1f}", f"{ENTRIES / hashing:,.0f}"),
        ],
    )
    print(f"memory: peak {before:,.0f} MB before the walk, {after:,.0f} MB after")
    if ENTRIES >= 1_000_000 and walked > 60:
        print("TOO SLOW: a million in under a minute was promised")
        sys.exit(1)


if __name__ == "__main__":
    run(main)
