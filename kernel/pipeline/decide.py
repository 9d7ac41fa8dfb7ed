"""Send? Which tone? What offer? When? Deciders answer in order; who nobody decides is skipped.

One customer's nonsense is not another's: an answer that cannot be meant counts as none for that customer
alone, the next decider answers, and the decision says so (`fallback`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.decisions import Action, Decision, Option
from kernel.pipeline.batch import Batch, Decided
from kernel.plugboard.answers import Nonsense, check_decision, for_each_candidate
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.decisions import Candidate, DecideContext
    from kernel.plugboard.board import Plugboard
    from kernel.plugboard.parts import Answer

NOBODY = "kernel"
CLOSE = 1e-6
"""How far from 1 the probabilities of the options may sum up."""


async def decisions(
    board: Plugboard,
    enabled: frozenset[str],
    frame: DecideContext,
    candidates: Sequence[Candidate],
) -> list[Decided]:
    """One decision for each candidate, in order. Depends on its arguments alone."""
    if settled(frame):
        return [Decided(decision=_asked_for(frame), plugin=NOBODY) for _ in candidates]
    refused: dict[int, list[str]] = {}

    def sift(plugin: str, places: Sequence[int], values: Sequence[Any]) -> list[Any]:
        kept, seen = [], dict[int, str]()
        for place, value in zip(places, values, strict=True):
            problem = "" if value is None else nonsense(value, seen)
            if problem:
                refused.setdefault(place, []).append(f"{plugin} answered nonsense: {problem}")
            kept.append(None if problem else value)
        if wrong := [
            values[i] for i, one in enumerate(kept) if one is None and values[i] is not None
        ]:
            error = Nonsense(f"answered nonsense for {len(wrong)}: {nonsense(wrong[0], {})}")
            board.report(Failure(frame.tenant.id, plugin, "decide", error))
        return kept

    failed: list[Answer] = []
    answers = await board.first(
        "decide",
        enabled,
        "candidates",
        candidates,
        check=for_each_candidate,
        sift=sift,
        failed=failed,
        ctx=frame,
    )
    order = {name: n for n, (name, _) in enumerate(board.plans("decide", enabled).steps)}
    lost = [(order[one.plugin], _lost(one)) for one in failed]
    made = []
    for place, (candidate, answer) in enumerate(zip(candidates, answers, strict=True)):
        if answer is None:
            one = Decided(decision=_nobody(frame), plugin=NOBODY)
        else:
            one = Decided(decision=answer.value, plugin=answer.plugin)
        if lost or candidate.advice or place in refused:
            mine = order.get(one.plugin, len(order))
            why = [text for other, text in lost if other < mine] + refused.get(place, [])
            one.decision = _fallen_back(one, candidate, why)
        made.append(one)
    return made


async def run(board: Plugboard, batch: Batch) -> Batch:
    """The stage: fills `decided`."""
    candidates = [person.candidate for person in batch.people]
    batch.decided = await decisions(board, batch.enabled, batch.frame, candidates)
    return batch


def settled(frame: DecideContext) -> bool:
    """Whether there is nothing to decide: every possible action sends, as in transactional types."""
    return bool(frame.actions) and all(action.send for action in frame.actions)


def nonsense(one: Any, seen: dict[int, str]) -> str:
    """What is wrong with a decider's answer for one candidate; empty: nothing.

    Args:
        one: the answer.
        seen: what is known of options, by identity: deciders use one tuple for many customers.
    """
    try:
        if type(one) is not Decision:
            check_decision(one)
        options = one.options
        if (problem := seen.get(id(options))) is None:
            check_decision(one)
            total = sum(option.probability for option in options)
            problem = "" if abs(total - 1) <= CLOSE else f"the probabilities sum to {total:g}"
            if any(_naive(option.action) for option in options):
                problem = "a time to send without a time zone"
            seen[id(options)] = problem
        else:
            check_decision(msgspec.structs.replace(one, options=()))
    except Nonsense as error:
        return str(error).removeprefix("answered ")
    if problem:
        return problem
    if not 0 <= one.confidence <= 1:  # what is not a number is not between
        return f"a confidence of {one.confidence}"
    if not 0 <= one.cost_micros < 1e15 or not 0 <= one.tokens < 1e15:
        return "a cost that cannot be"
    if _naive(one.chosen):
        return "a time to send without a time zone"
    texts = (one.policy, one.model, one.fallback, *one.reasons, one.chosen.tone, one.chosen.offer)
    return "text that cannot be stored" if "\0" in "".join(texts) else ""


def _naive(action: Action) -> bool:
    return action.send_at is not None and action.send_at.tzinfo is None


def _lost(answer: Answer) -> str:
    if isinstance(answer.error, Nonsense):
        return f"{answer.plugin} answered nonsense: {str(answer.error).removeprefix('answered ')}"
    return f"{answer.plugin} failed: {type(answer.error).__name__}"


def _fallen_back(one: Decided, candidate: Candidate, why: list[str]) -> Decision:
    """The decision with the reasons why better deciders did not make it, and with what their advice
    cost: it was paid for this customer too.
    """
    decision, tokens, cost = one.decision, 0, 0.0
    for advice in candidate.advice:
        if advice.plugin != one.plugin:
            tokens += advice.tokens // max(advice.shared, 1)
            cost += advice.cost_micros / max(advice.shared, 1)
            if advice.fallback:
                why.append(f"{advice.plugin}: {advice.fallback}")
    if not why and not tokens and not cost:
        return decision
    return msgspec.structs.replace(
        decision,
        fallback="; ".join([decision.fallback, *why] if decision.fallback else why),
        tokens=decision.tokens + tokens,
        cost_micros=decision.cost_micros + cost if cost else decision.cost_micros,
    )


def _asked_for(frame: DecideContext) -> Decision:
    chosen = frame.actions[0]
    return Decision(
        chosen=chosen,
        options=tuple(
            Option(action=action, probability=1.0 if action is chosen else 0.0)
            for action in frame.actions
        ),
        reasons=("The customer asked for this mail, so there is nothing to decide.",),
        policy="kernel/1",
    )


def _nobody(frame: DecideContext) -> Decision:
    nothing = Action(send=False)
    return Decision(
        chosen=nothing,
        options=tuple(
            Option(action=action, probability=1.0 if action == nothing else 0.0)
            for action in frame.actions
        ),
        reasons=("No decider answered for this customer, so nothing is sent.",),
        policy="kernel/1",
        fallback="no decider answered",
    )
