"""Send? Which tone? What offer? When? Deciders answer in order; who nobody decides is skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.decisions import Action, Decision, Option
from kernel.pipeline.batch import Batch, Decided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.decisions import Candidate, DecideContext
    from kernel.plugboard.board import Plugboard

NOBODY = "kernel"


async def decisions(
    board: Plugboard,
    enabled: frozenset[str],
    frame: DecideContext,
    candidates: Sequence[Candidate],
) -> list[Decided]:
    """One decision for each candidate, in order. Depends on its arguments alone."""
    answers = await board.first("decide", enabled, "candidates", candidates, ctx=frame)
    return [
        Decided(decision=answer.value, plugin=answer.plugin)
        if answer is not None
        else Decided(decision=_nobody(frame), plugin=NOBODY)
        for answer in answers
    ]


async def run(board: Plugboard, batch: Batch) -> Batch:
    """The stage: fills `decided`."""
    candidates = [person.candidate for person in batch.people]
    batch.decided = await decisions(board, batch.enabled, batch.frame, candidates)
    return batch


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
