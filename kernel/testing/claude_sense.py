"""What makes the values of one object agree: who is not written to gets no offer, and waits for nothing."""

from __future__ import annotations

import random
import re
from typing import Any

_BOUND = re.compile(
    r"\b(minimum|maximum|exclusiveMinimum|exclusiveMaximum|maxLength|maxItems|minItems): (-?[0-9.]+)"
)
_NONE = ("", "none", "no", "no_offer", "nothing", "null")
_SILENT = ("skip", "none", "no", "hold", "do_not_send", "not_send", "nothing", "suppress", "leave")
_LATER = ("wait", "later", "defer")
_ACTIONS = ("action", "decision", "choice", "send")


def agreed(
    made: dict[str, Any], nodes: dict[str, dict[str, Any]], dice: random.Random
) -> dict[str, Any]:
    """The values, changed where they would not make sense together.

    Args:
        made: the object.
        nodes: the schema of each property, without references.
        dice: decides where there is a choice.
    """
    act = next((name for name in _ACTIONS if name in made), "")
    does = made.get(act, "send")
    for name, value in made.items():
        node = nodes[name]
        if name == "leave_to":
            others = [one for one in node.get("enum", ()) if one not in _NONE]
            if does == "leave" and others:
                made[name] = dice.choice(others)
            elif (none := _nothing(node)) is not None:  # else any choice: it does not count
                made[name] = none
        elif "offer" in name or "discount" in name:
            if (does is False or does in _SILENT) and (none := _nothing(node)) is not None:
                made[name] = none
        elif "wait" in name or "delay" in name:
            made[name] = _delay(value, node, dice, later=does in _LATER)
        elif isinstance(value, dict) and ("probab" in name or "propens" in name):
            made[name] = _distribution(value, does, dice)
    if does == "leave" and made.get("leave_to") in _NONE:
        made[act] = "skip"
    offers = [made[name] for name in made if "offer" in name]
    if offers and made.get("tone") == "urgent" and all(one in (*_NONE, None) for one in offers):
        calm = [tone for tone in nodes["tone"].get("enum", ()) if tone != "urgent"]
        made["tone"] = dice.choice(calm) if calm else "urgent"
    return made


def bounds(node: dict[str, Any]) -> dict[str, float]:
    """The bounds that stand in the description, where the client puts what the API does not take."""
    told = _BOUND.findall(node.get("description", ""))
    return {name: float(value.rstrip(".")) for name, value in told}


def range_of(node: dict[str, Any]) -> tuple[float, float]:
    """The least and the greatest number; 0 and infinity where nothing is told."""
    told = bounds(node)
    above = told.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in told) * 1e-6
    below = told.get("exclusiveMaximum", float("inf"))
    return told.get("minimum", above), told.get("maximum", below)


def _nothing(node: dict[str, Any]) -> Any:
    """What says "none" in a field; None where nothing does."""
    if "enum" in node:
        return next((value for value in node["enum"] if value in _NONE), None)
    return {"string": "", "number": 0, "integer": 0}.get(str(node.get("type")))


def _delay(value: Any, node: dict[str, Any], dice: random.Random, *, later: bool) -> Any:
    """Nothing unless it shall be later, and then something."""
    if type(value) not in (int, float):
        return value
    if "enum" in node:
        fitting = [one for one in node["enum"] if (one != 0) == later]
        return dice.choice(fitting) if fitting else value
    return value if later or range_of(node)[0] > 0 else type(value)(0)


def _distribution(given: dict[str, Any], chosen: Any, dice: random.Random) -> dict[str, Any]:
    """Numbers that sum to 100 if they are whole, or else to 1; what was chosen is the likeliest."""
    numbers = {name: value for name, value in given.items() if type(value) in (int, float)}
    if not numbers:
        return given
    whole = all(type(value) is int for value in numbers.values())
    weights = {name: dice.randint(5, 30) + 60 * (name == chosen) for name in numbers}
    unit, total = 100 if whole else 1000, sum(weights.values())
    parts = {name: weight * unit // total for name, weight in weights.items()}
    parts[chosen if chosen in parts else next(iter(parts))] += unit - sum(parts.values())
    return {**given, **{name: part if whole else part / 1000 for name, part in parts.items()}}
