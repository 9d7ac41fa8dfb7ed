"""`consult`: puts the questions of a page of candidates, asks what can be asked now, tells what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from kernel.sdk import Advice, Frozen, Pending, canonical, enqueue
from plugins.claude import asking, buckets, checking, client, facts, repo, setups, shop
from plugins.claude.budget import USED_UP
from plugins.claude.manifest import MANIFEST, ClaudeSettings
from plugins.claude.repo import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Candidate, Context, DecideContext

Answer = Advice | Pending | None

WINDOW = 12.0
"""Seconds in which questions of one call are begun; with the longest answer, all stays under 30."""
SOON, BATCH = 0.5, 30.0
"""Seconds until the kernel asks again."""


class Envelope(Frozen):
    """`Advice.answer`: what Claude said, and how it came to be asked so."""

    kind: str
    policy: str
    said: str
    bucket: str = ""
    degraded: str = ""
    """Why a better way was not taken, if one should have been."""


async def consult(
    ctx: Context, given: DecideContext, candidates: Sequence[Candidate]
) -> list[Answer]:
    """One answer per candidate, in their order."""
    settings = ctx.settings(ClaudeSettings)
    if settings.mode == "rules" or not candidates or not client.key(ctx.tenant.id):
        return [None] * len(candidates)
    async with ctx.transaction() as tx:
        await checking.see_to(tx, settings)
    if settings.mode == "bucketed":
        return await _by_bucket(ctx, settings, given, candidates)
    answers = await _one_by_one(ctx, settings, given, candidates)
    poor = [i for i, answer in enumerate(answers) if answer is None]
    if poor:
        some = [candidates[i] for i in poor]
        note = f"{USED_UP}: decided by bucket instead"
        for i, answer in zip(poor, await _by_bucket(ctx, settings, given, some, note), strict=True):
            answers[i] = answer
    return answers


async def _one_by_one(
    ctx: Context, settings: ClaudeSettings, given: DecideContext, candidates: Sequence[Candidate]
) -> list[Answer]:
    """As `consult`; None where there is no money for a question about one customer alone."""
    ids = [candidate.message_id for candidate in candidates]
    async with ctx.transaction() as tx:
        known = await repo.load(tx, ids)
        new = [candidate for candidate in candidates if candidate.message_id not in known]
        way = "direct" if len(candidates) < settings.direct_below else "batch"
        made = await _setups(tx, settings, given, "customer", [_others(one) for one in new])
        await repo.put(
            tx,
            [
                Question(
                    id=candidate.message_id,
                    kind="customer",
                    way=way,
                    campaign_id=given.campaign.id,
                    customer_id=candidate.customer_id,
                    bucket="",
                    members=(),
                    setup=made[_others(candidate)],
                    facts=facts.data_block(facts.customer(candidate, settings.text_traits)),
                )
                for candidate in new
            ],
        )
        if way == "batch" or any(q.way == "batch" and _open(q) for q in known.values()):
            await enqueue(tx, f"{MANIFEST.name}.batches", key="batches")
    blocked = await asking.work(ctx, settings, ids, WINDOW, settings.timeout)
    async with ctx.transaction() as tx:
        known = await repo.load(tx, ids)
        policies = await _policies(tx, known.values())
    answers: list[Answer] = []
    for one in ids:
        question = known[one]
        if question.fallback == USED_UP or (
            question.state == "waiting" and question.way == "direct" and blocked == USED_UP
        ):
            answers.append(None)
        else:
            answers.append(_answer(question, blocked, policies))
    return answers


async def _by_bucket(
    ctx: Context,
    settings: ClaudeSettings,
    given: DecideContext,
    candidates: Sequence[Candidate],
    degraded: str = "",
) -> list[Answer]:
    """As `consult`, by the kinds of customers."""
    campaign = given.campaign.id
    async with ctx.transaction() as tx:
        # Two pages of one campaign at once would make more buckets than may be.
        await tx.db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(campaign))
        rows = await tx.db.fetch(
            """SELECT bucket FROM claude_question
               WHERE tenant_id = $1 AND campaign_id = $2 AND kind = 'bucket'""",
            tx.tenant.id,
            campaign,
        )
        known = [row["bucket"] for row in rows]
        features = [candidate.features for candidate in candidates]
        keys, new = buckets.assign(known, features, settings.max_buckets)
        members: dict[str, list[UUID]] = {}
        for candidate, name in zip(candidates, keys, strict=True):
            members.setdefault(name, []).append(candidate.message_id)
        made = await _setups(tx, settings, given, "bucket", [_types(one) for one in new.values()])
        await repo.put(
            tx,
            [
                Question(
                    id=uuid5(campaign, name),
                    kind="bucket",
                    way="direct",
                    campaign_id=campaign,
                    customer_id=None,
                    bucket=name,
                    members=tuple(members[name]),
                    setup=made[_types(told)],
                    facts=facts.data_block({k: v for k, v in told.items() if v}),
                )
                for name, told in new.items()
            ],
        )
    ids = {name: uuid5(campaign, name) for name in set(keys)}
    blocked = await asking.work(ctx, settings, list(ids.values()), WINDOW, settings.timeout)
    async with ctx.transaction() as tx:
        found = await repo.load(tx, list(ids.values()))
        policies = await _policies(tx, found.values())
    paying = {one: frozenset(question.members) for one, question in found.items()}
    given_out: dict[tuple[UUID, bool], Answer] = {}
    answers: list[Answer] = []
    for name, candidate in zip(keys, candidates, strict=True):
        one = ids[name]
        pays = candidate.message_id in paying[one]
        if (one, pays) not in given_out:
            given_out[one, pays] = _answer(found[one], blocked, policies, pays, degraded)
        answers.append(given_out[one, pays])
    return answers


def _answer(
    question: Question,
    blocked: str,
    policies: dict[str, tuple[str, str]],
    pays: bool = True,
    degraded: str = "",
) -> Answer:
    """What is known of a question, for a candidate.

    The customers of a bucket's first page pay for it; those who come later have the answer for nothing,
    so that the shares of all decisions add up to what was spent.
    """
    if question.state in ("waiting", "asked"):
        if question.state == "waiting" and question.way == "direct" and blocked:
            return _without(question, blocked)
        return Pending(
            reason="Claude is being asked", again_in=BATCH if question.way == "batch" else SOON
        )
    policy, prompt_hash = policies[question.setup]
    note = "" if question.state == "answered" else question.fallback
    said = Envelope(
        kind=question.kind,
        policy=policy,
        said=question.answer,
        bucket=question.bucket,
        degraded=degraded,
    )
    apart = f"{'' if pays else 'again'}{degraded}"
    return Advice(
        plugin=MANIFEST.name,
        id=uuid5(question.id, apart) if apart else question.id,
        answer="" if note else canonical(said).decode(),
        model=question.model,
        prompt_hash=prompt_hash,
        fallback=f"{degraded}; {note}" if note and degraded else note,
        tokens=question.tokens if pays else 0,
        cost_micros=question.cost_micros if pays else 0,
        shared=max(1, len(question.members)) if pays else 1,
    )


def _without(question: Question, reason: str) -> Advice:
    """No answer now, for a reason that holds for many; stored once for each campaign and reason."""
    return Advice(
        plugin=MANIFEST.name, id=uuid5(question.campaign_id, reason), answer="", fallback=reason
    )


def _open(question: Question) -> bool:
    return question.state in ("waiting", "asked")


def _others(candidate: Candidate) -> tuple[str, ...]:
    return facts.types_of(candidate.features)


def _types(told: dict[str, str]) -> tuple[str, ...]:
    return tuple(filter(None, told.get("other_types", "").split(",")))


async def _setups(
    tx: Context,
    settings: ClaudeSettings,
    given: DecideContext,
    kind: str,
    others: Sequence[tuple[str, ...]],
) -> dict[tuple[str, ...], str]:
    """The digests of the setups, one for each set of other types."""
    if not others:
        return {}
    offers = sorted({action.offer for action in given.actions if action.offer})
    told = await shop.of_campaign(tx, given.campaign, offers)
    return {
        types: await setups.keep(
            tx, setups.deciding(kind, settings.model_decide, told, given.actions, types)
        )
        for types in sorted(set(others))
    }


async def _policies(tx: Context, questions: object) -> dict[str, tuple[str, str]]:
    names = {question.setup for question in questions}  # type: ignore[attr-defined]
    found = await setups.load(tx, sorted(names))
    return {name: (setup.policy, setup.prompt_hash) for name, setup in found.items()}
