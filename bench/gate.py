"""The gate before every mail: checks a second when planning and at hand-over.

Method: 20,000 subscribed customers of one tenant, one variant, mails of about 20 KB as the kernel makes
them, in batches of 1,000. `plan` is consent and the suppression list (two queries a batch, 5,000 entries);
`hand-over` also reads the finished mail: headers, the token of the link, the frame with its values put in,
claims, pixel, size. Once with frames that are shared by a variant, once with mails that each go alone.
Baselines: a bare loop that gives everybody the same verdict, and one that compares the consent only.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from bench.support import bench_core, run, table
from kernel.contracts.decisions import Verdict
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance.plugin import compliance_rules
from tests.plugins.compliance.mails import mail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.delivery import Outgoing

COUNT = int(os.environ.get("BENCH_GATE", "20000"))
BATCH = 1000
LEAST = 20_000
FILL = "<p>" + "Words of the shop about what came in. " * 500 + "</p>"
ALLOWED = Verdict(outcome="allowed")


def bare(batch: Sequence[Outgoing]) -> list[Verdict]:
    """Everybody may be written to."""
    return [ALLOWED for _ in batch]


def consent_only(batch: Sequence[Outgoing]) -> list[Verdict]:
    """What a plain newsletter program looks at."""
    no = Verdict(outcome="suppressed")
    return [ALLOWED if message.recipient.email_consent == "subscribed" else no for message in batch]


async def asked(ctx: Any, stage: str, batches: Sequence[Sequence[Outgoing]]) -> float:
    """Seconds for all batches; every one must be allowed."""
    begun = time.perf_counter()
    for batch in batches:
        verdicts = await compliance_rules(ctx, stage, batch)
        assert all(verdict.outcome == "allowed" for verdict in verdicts), verdicts[0]
    return time.perf_counter() - begun


async def main() -> None:
    """Print checks a second."""
    async with bench_core() as core, core.tenant_scope("bench") as ctx:
        ids = await add_customers(ctx, COUNT)
        messages = await add_messages(ctx, await add_campaign(ctx), ids)
        await ctx.db.execute(
            """INSERT INTO profiles_suppression (tenant_id, email_hmac, topic, key_id, reason, was, at)
               SELECT $1, sha256(n::text::bytea), '', $2, 'manual', '{}', now()
               FROM generate_series(1, 5000) n""",
            ctx.tenant.id,
            _key(ctx),
        )
        cut = [messages[at : at + BATCH] for at in range(0, COUNT, BATCH)]
        made = [[mail(ctx, one, end=FILL) for one in batch] for batch in cut]
        alone = [
            [
                msgspec.structs.replace(
                    one, rendered=msgspec.structs.replace(one.rendered, shared=None)
                )
                for one in batch
                if one.rendered is not None
            ]
            for batch in made[:2]
        ]
        rows = []
        for name, baseline in (("bare loop", bare), ("consent only", consent_only)):
            begun = time.perf_counter()
            for batch in cut:
                baseline(batch)
            rows.append((name, COUNT, time.perf_counter() - begun))
        rows.append(("plan", COUNT, min([await asked(ctx, "plan", cut) for _ in range(3)])))
        shared = min([await asked(ctx, "handover", made) for _ in range(3)])
        rows.append(("hand-over, shared frame", COUNT, shared))
        rows.append(("hand-over, each alone", 2 * BATCH, await asked(ctx, "handover", alone)))
        page = made[0][0].rendered
    print(f"{COUNT:,} messages, HTML of {len(page.html) if page else 0:,} characters")
    table(
        ("what", "checks", "seconds", "checks/s"),
        [(name, f"{n:,}", f"{took:.3f}", f"{n / took:,.0f}") for name, n, took in rows],
    )
    if COUNT / shared < LEAST:
        print(f"TOO SLOW: {LEAST:,} a second were promised at hand-over")
        sys.exit(1)


def _key(ctx: Any) -> str:
    from kernel.profiles.suppression import key_ids

    return key_ids(ctx)[0]


if __name__ == "__main__":
    run(main)
