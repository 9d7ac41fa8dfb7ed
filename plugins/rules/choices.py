"""The actions a campaign allows, sorted so that a rule finds its own at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Action, InvalidInput, Option, offer_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

STAY = Action(send=False)
URGENT = "urgent"
FORMER = {"warm": "friendly", "plain": "professional", "short": "conversational"}
"""Tones of rules/1, as settings may still name them -> what they are called now."""

Choice = tuple[Action, tuple[Option, ...], str, bool]
"""Action, its options, a note on the tone, and whether the tone is the one asked for."""


class Choices:
    """The possible actions, with the options of each choice made once for the whole batch."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = tuple(actions)
        sends = [action for action in actions if action.send]
        self._plain = [action for action in sends if not action.offer] or sends
        self._kept: dict[tuple[str, str], Choice] = {}
        self._alike: dict[str, tuple[Action, ...]] = {}
        stay = next((action for action in actions if not action.send), STAY)
        self.rest = (stay, self.options(stay))
        self.offers = sorted({action.offer for action in sends if action.offer}, key=_size)
        """The offers that can be made, the smallest first."""
        self._sends = sends

    def send(self, tone: str, offer: str = "") -> Choice:
        """The action that writes in `tone` with `offer`, or in the first tone there is."""
        found = self._kept.get((tone, offer))
        if found is None:
            found = self._kept[tone, offer] = self._find(tone, offer)
        return found

    def has(self, tone: str, offer: str) -> bool:
        """Whether exactly this can be sent."""
        return any(action.tone == tone and action.offer == offer for action in self._sends)

    def alike(self, chosen: Action) -> tuple[Action, ...]:
        """The sends with the same offer in the calm tones: as good to try as the chosen one. None for
        what is urgent, since it is told so for a reason.
        """
        if chosen.tone == URGENT:
            return ()
        found = self._alike.get(chosen.offer)
        if found is None:
            found = self._alike[chosen.offer] = tuple(
                action
                for action in self._sends
                if action.offer == chosen.offer and action.tone != URGENT
            )
        return found

    def later(self, chosen: Action, at: datetime) -> tuple[Action, tuple[Option, ...]]:
        """The same send at this time, and its options: it stands for the one without a time."""
        action = msgspec.structs.replace(chosen, send_at=at)
        return action, tuple(
            Option(action=action, probability=1.0)
            if one == chosen
            else Option(action=one, probability=0.0)
            for one in self._actions
        )

    def left_to(self, other: str) -> tuple[Action, tuple[Option, ...]]:
        """Not sending, since another campaign type writes."""
        action = Action(send=False, campaign_type=other)
        return action, self.options(action)

    def options(self, chosen: Action) -> tuple[Option, ...]:
        """Every possible action, the chosen one certain."""
        known = self._actions if chosen in self._actions else (*self._actions, chosen)
        return tuple(
            Option(action=action, probability=1.0 if action == chosen else 0.0) for action in known
        )

    def _find(self, tone: str, offer: str) -> Choice:
        sends = [action for action in self._sends if action.offer == offer] or self._plain
        for name in (tone, FORMER.get(tone)):
            for action in sends:
                if action.tone == name:
                    return action, self.options(action), f"{name} tone", True
        calm = [action for action in sends if action.tone != URGENT] or sends
        if not calm:
            return (*self.rest, "nothing can be sent", False)
        note = f"{calm[0].tone or 'usual'} tone, as there is no {FORMER.get(tone, tone)} one"
        return calm[0], self.options(calm[0]), note, False


def _size(offer: str) -> tuple[float, str]:
    """How much an offer is worth on a basket of 100."""
    try:
        known = offer_of(offer)
    except InvalidInput:
        known = None
    return (float(known.value) if known else 0.0, offer)
