"""Faults of the fake Claude, scripted one by one, by share, or for what a test picks out.

| kind | what the client meets |
|---|---|
| refused | no connection at all, until `recover()` |
| drop, drop_after, drop_midway | the connection is cut: before anything was done, after it was done, in the middle of the answer |
| stall, slow, drip | no answer for `seconds` (600), an answer after `seconds` (1), an answer spread over `seconds` (1) |
| 400, 401, 402, 403, 404, 408, 409, 413, 429, 500, 503, 504, 529 | this status; `retry_after` seconds if given |
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

import random
from typing import Any, ClassVar

import msgspec

from kernel.testing.claude_errors import TYPES
from kernel.testing.faults import Rule

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


class ClaudeRule(Rule, kw_only=True, forbid_unknown_fields=True):
    """One line of the script."""

    KNOWN: ClassVar[tuple[str, ...]] = KINDS
    PLACES: ClassVar[tuple[str, ...]] = (*OPERATIONS, "row")

    on: str | tuple[str, ...] = ()
    """Operations, `row` for rows of batches, or `any`; empty for what the kind is about."""
    retry_after: float | None = None
    """Seconds, in the header."""

    def __post_init__(self) -> None:
        """Checks the words."""
        if not self.on:
            answer = ("messages", "row") if self.kind in ANSWER else "messages"
            self.on = "row" if self.kind in ROW else answer
        super().__post_init__()


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
