"""What plugins find out for decisions by asking the world, before anybody decides.

The candidates of a campaign are walked by (customer, step), a page a time. A page is asked about outside
any transaction. Who is pending is passed by and stays `candidate`; at the end of the walk the campaign
rests until the first of them may be asked about again. Where the walk stands is kept with the campaign, in
the transaction that decides the page: a crash before it leads to asking again, and plugins answer the
same question with what they know already.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from kernel.contracts.base import new_id
from kernel.contracts.decisions import Advice, Pending
from kernel.pipeline import decide, ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.pipeline.batch import Batch
    from kernel.tenancy.scope import TenantScope

PATIENCE_HOURS = 26
"""For so long after its proposal, by the machine's clock, a campaign waits for answers: what is asked
in bulk may take a day."""
LONGEST = 3600.0
_INT = 2**31 - 1

STORE = """
INSERT INTO pipeline_advice (tenant_id, campaign_id, at, id, plugin, answer, model, prompt_hash, fallback,
  tokens, cost_micros, shared)
SELECT $1, $2, $3, r.* FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
  $9::text[], $10::int[], $11::bigint[], $12::int[]) r
ON CONFLICT DO NOTHING
"""
FIELDS = (
    "id", "plugin", "answer", "model", "prompt_hash", "fallback", "tokens", "cost_micros", "shared",
)  # fmt: skip

STEP = """
UPDATE pipeline_campaign SET consult_customer = $3, consult_step = $4,
  consult_next = least(consult_next, now() + make_interval(secs => $5))
WHERE tenant_id = $1 AND id = $2
"""

REST = """
UPDATE pipeline_campaign SET consult_customer = 0, consult_step = 0, consult_at = consult_next,
  consult_next = NULL
WHERE tenant_id = $1 AND id = $2 AND (consult_customer > 0 OR consult_next IS NOT NULL)
RETURNING consult_at IS NOT NULL
"""


def asked(scope: TenantScope, batch: Batch) -> frozenset[str]:
    """The plugins that are consulted: could speak when the campaign was proposed, and are on now. None
    where there is nothing to decide.
    """
    if decide.settled(batch.frame):
        return frozenset()
    enabled = batch.enabled & scope.enabled
    return frozenset(name for name, _ in scope.core.board.plans("consult", enabled).steps)


async def run(scope: TenantScope, batch: Batch) -> Batch:
    """Ask about the page: those with all their answers stay in `people`, with their advice.

    A plugin that fails has answered, as far as deciding goes: the advice says so.
    """
    candidates = tuple(person.candidate for person in batch.people)
    plugins = asked(scope, batch)
    found = await scope.core.board.collect(
        "consult", plugins, ctx=scope, given=batch.frame, candidates=candidates
    )
    answers: dict[str, Sequence[Advice | Pending | None]] = {
        answer.plugin: answer.value for answer in found
    }
    order = [name for name, _ in scope.core.board.plans("consult", plugins).steps]
    silent = {name: _without(name, "could not be asked") for name in order if name not in answers}
    ready, advice = [], dict[UUID, Advice]()
    used = Counter[UUID]()
    late: dict[tuple[str, str], Advice] = {}
    for place, person in enumerate(batch.people):
        given: list[Advice] = []
        waits = False
        for name in order:
            one = silent[name] if name in silent else answers[name][place]
            if isinstance(one, Pending) and batch.late:
                text = f"no answer within {PATIENCE_HOURS} hours. {one.reason}".strip()
                one = late.setdefault((name, text), _without(name, text))
            if isinstance(one, Pending):
                waits = True
                again = one.again_in if 0.1 <= one.again_in <= LONGEST else LONGEST
                batch.again_in = min(again, batch.again_in or LONGEST)
            elif one is not None:
                given.append(_clean(name, one))
        if waits:
            continue
        advice |= {one.id: one for one in given}
        used.update(one.id for one in given)
        candidate = msgspec.structs.replace(person.candidate, advice=tuple(given))
        ready.append(msgspec.structs.replace(person, candidate=candidate))
    batch.people = ready
    batch.advice = [
        one if one.shared else msgspec.structs.replace(one, shared=used[key])
        for key, one in advice.items()
    ]
    return batch


async def keep(ctx: Context, batch: Batch) -> Batch:
    """Store the answers and where the walk stands; leaves in `people` who is still undecided, with the
    answers as they are stored: the first time an answer was given, it was kept for good.
    """
    last = batch.rows[-1]
    at = (last.customer_id, last.step, batch.again_in)
    await ctx.db.execute(STEP, ctx.tenant.id, batch.campaign.id, *at)
    columns = [[getattr(one, name) for one in batch.advice] for name in FIELDS]
    await ctx.db.execute(STORE, ctx.tenant.id, batch.campaign.id, batch.frame.now, *columns)
    kept = await stored(ctx, [one.id for one in batch.advice])
    ids = [person.candidate.message_id for person in batch.people]
    undecided = await ledger.still_undecided(ctx, batch.campaign.id, ids)
    batch.people = [
        msgspec.structs.replace(
            person,
            candidate=msgspec.structs.replace(
                person.candidate, advice=tuple(kept[one.id] for one in person.candidate.advice)
            ),
        )
        for person in batch.people
        if person.candidate.message_id in undecided
    ]
    return batch


async def rests(ctx: Context, campaign: Campaign) -> bool:
    """The walk has come to its end: True when some are pending, and the campaign rests until they may
    be asked about again.
    """
    return bool(await ctx.db.fetchval(REST, ctx.tenant.id, campaign.id))


async def stored(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Advice]:
    """Stored answers by their ids, those that exist."""
    rows = await ctx.db.fetch(
        f"SELECT {', '.join(FIELDS)} FROM pipeline_advice "
        "WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        ctx.tenant.id,
        list(ids),
    )
    return {row["id"]: Advice(**dict(row)) for row in rows}


def _without(plugin: str, reason: str) -> Advice:
    return Advice(plugin=plugin, id=new_id(), answer="", fallback=reason, shared=0)


def _clean(plugin: str, one: Advice) -> Advice:
    """As it can be stored: what is decided from it must be what a replay reads."""
    texts = {name: getattr(one, name) for name in FIELDS[2:6]}
    numbers = {name: getattr(one, name) for name in FIELDS[6:]}
    usual = all("\0" not in text for text in texts.values())
    if one.plugin == plugin and usual and all(0 <= n <= _INT for n in numbers.values()):
        return one
    return msgspec.structs.replace(
        one,
        plugin=plugin,
        **{name: text.replace("\0", "") for name, text in texts.items()},
        **{name: min(max(number, 0), _INT) for name, number in numbers.items()},
    )
