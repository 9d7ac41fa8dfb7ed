"""Faults of the fake Claude, scripted one by one, by share, or for what a test picks out.

| kind | what the client meets |
|---|---|
| refused | no connection at all, until `recover()` |
| drop, drop_after, drop_midway | the connection is cut: before anything was done, after it was done, in the middle of the answer |
| stall, slow, drip | no answer for `seconds` (600), an answer after `seconds` (1), an answer spread over `seconds` (1) |
| 401, 403, 404, 408, 413, 429, 500, 503, 529 | this status; 429 and 529 with `retry_after` seconds if given |
| html | 502 with a page of a proxy instead of JSON |
| truncated | JSON cut in its middle, stop_reason max_tokens |
| schema | JSON that breaks the schema: a field is missing, another has the wrong type |
| enum_case | values of enums in another case |
| refusal, refusal_text | stop_reason refusal, without and with words |
| empty, blank | no content at all, an empty text |
| garbage | text that is no JSON |
| paused | stop_reason pause_turn, nothing finished |
| errored, overloaded, expired, canceled | rows of a batch that came to nothing |
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.testing.claude_errors import TYPES

if TYPE_CHECKING:
    from kernel.testing.claude_record import Asked, Seen

WIRE = ("refused", "drop", "drop_after", "drop_midway", "stall", "slow", "drip", "html")
ANSWER = (
    *("truncated", "schema", "enum_case", "refusal", "refusal_text", "empty", "blank"),
    *("garbage", "paused"),
)
ROW = ("errored", "overloaded", "expired", "canceled")
STATUS = tuple(str(status) for status in TYPES)
KINDS = (*WIRE, *STATUS, *ANSWER, *ROW)

OPERATIONS = (
    *("messages", "count_tokens", "models", "batch_create", "batch_retrieve", "batch_list"),
    *("batch_results", "batch_cancel", "batch_delete"),
)

When = Callable[[Any], bool]


@dataclass(slots=True)
class Fault:
    """One line of the script."""

    kind: str
    on: tuple[str, ...]
    """Operations, `row` for rows of batches, or `any`."""
    left: float = 1
    """How many times more; infinite by share."""
    share: float = 1.0
    when: When | None = None
    retry_after: float | None = None
    seconds: float | None = None

    def strikes(self, operation: str, subject: Seen | Asked, draw: bytes) -> bool:
        """Whether it hits this request or row; if so, it is used up by one."""
        if self.left < 1 or not ({operation, "any"} & set(self.on)):
            return False
        if self.when and not self.when(subject):
            return False
        if self.share < 1:
            lot = hashlib.blake2b(draw + self.kind.encode(), digest_size=8).digest()
            if int.from_bytes(lot) >= self.share * 2**64:
                return False
        self.left -= 1
        return True


class Script:
    """The faults to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, kind: str | int, on: str | tuple[str, ...] | None, **settings: Any) -> Fault:
        """One more line.

        Raises:
            ValueError: there is no such fault, or no such operation.
        """
        kind = str(kind)
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        if on is None:
            on = ("row",) if kind in ROW else ("messages", "row") if kind in ANSWER else "messages"
        on = (on,) if isinstance(on, str) else on
        if odd := set(on) - {*OPERATIONS, "row", "any"}:
            raise ValueError(
                f"no operation {sorted(odd)}; there are {', '.join(OPERATIONS)}, row, any"
            )
        fault = Fault(kind, on, **settings)
        self.faults.append(fault)
        return fault

    def next(
        self, operation: str, subject: Seen | Asked, draw: bytes, kinds: tuple[str, ...] = KINDS
    ) -> Fault | None:
        """The first fault of these kinds that hits."""
        for fault in self.faults:
            if fault.kind in kinds and fault.strikes(operation, subject, draw):
                self.faults = [one for one in self.faults if one.left >= 1]
                return fault
        return None


def spoiled(kind: str, value: Any, seed: int) -> str:
    """The text of an answer: the value as JSON, spoiled by `schema`, `enum_case`, `garbage` or `truncated`."""
    dice = random.Random(seed)
    if kind == "garbage":
        return dice.choice(("Sure! Here is the JSON you asked for:\n\n- send", "{]", "```json\n"))
    if kind == "enum_case":
        value = _cased(value)
    elif kind == "schema":
        value = _broken(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text[: max(1, len(text) // 2)] if kind == "truncated" else text


def _cased(value: Any) -> Any:
    """Every one-word text in another case, as the real API may do with enums."""
    if isinstance(value, dict):
        return {name: _cased(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_cased(part) for part in value]
    if isinstance(value, str) and value and " " not in value:
        return value.capitalize() if value != value.capitalize() else value.upper()
    return value


def _broken(value: Any) -> Any:
    """Without its last field, and with a list where the first has something else."""
    if isinstance(value, dict) and value:
        first, *rest = value
        return {first: ["not", "this"], **{name: value[name] for name in rest[:-1]}}
    return {"unexpected": value}
