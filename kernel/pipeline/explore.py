"""Exploration: now and then another allowed action than the chosen one, with its true propensity on record.

What was always decided the same way can never be compared with anything. So a small, fixed share of
decisions takes another action that was as good as allowed; since the probabilities are known and kept,
what came of them can be weighed later without bias.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.decisions import Option
from kernel.pipeline.guard import no_more

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.decisions import Action, Decision

replace = msgspec.structs.replace


def explore(decision: Decision, key: str, share: float, among: Sequence[Action]) -> Decision:
    """The decision, or in `share` of all keys one like it with another action. Depends on its
    arguments alone.

    Args:
        decision: of a deterministic policy: one that draws lots itself is returned as it is.
        key: of the occasion, e.g. the message id: it alone chooses, by a hash uniform in [0, 1).
        share: how much is tried, in [0, 1]; spread evenly over the alternatives.
        among: possible actions. An alternative sends the same campaign type, at the same time, with no
            more of an offer; who is not written to is left alone.

    Returns:
        A decision whose options carry the true probabilities of what could have been chosen; they sum
        to 1.
    """
    chosen = decision.chosen
    certain = all(one.probability in (0, 1) for one in decision.options)
    others = _alternatives(chosen, among)
    if not chosen.send or not others or not 0 < share <= 1 or not certain:
        return decision
    each = share / len(others)
    unchosen = [
        Option(action=option.action, probability=0.0)
        for option in decision.options
        if option.action != chosen and option.action not in others
    ]
    options = (
        Option(action=chosen, probability=max(0.0, 1 - each * len(others))),
        *(Option(action=other, probability=each) for other in others),
        *unchosen,
    )
    raw = hashlib.blake2b(f"explore/{key}".encode(), digest_size=8).digest()
    drawn = int.from_bytes(raw, "big") / 2**64
    if drawn >= share:
        return replace(decision, options=options)
    other = others[min(int(drawn / each), len(others) - 1)]
    return replace(
        decision,
        chosen=other,
        options=options,
        reasons=(
            *decision.reasons,
            f"Tried {_words(other)} for {_words(chosen)}, to learn from it.",
        ),
    )


def _alternatives(chosen: Action, among: Sequence[Action]) -> list[Action]:
    """The other actions that send as much and give no more, in the order of `among`."""
    found = {
        replace(other, send_at=chosen.send_at): None
        for other in among
        if other.send == chosen.send
        and other.campaign_type == chosen.campaign_type
        and no_more(other.offer, chosen.offer)
    }
    found.pop(chosen, None)
    return list(found)


def _words(action: Action) -> str:
    tone = f"the {action.tone or 'usual'} tone"
    return f"{tone} with {action.offer}" if action.offer else tone
