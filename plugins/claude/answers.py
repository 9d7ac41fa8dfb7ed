"""What Claude may answer: Structs, their schemas as the API takes them, and the reading of answers.

The schema binds the server; this module trusts it in nothing and checks every answer again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kernel.sdk import Frozen

Percent = Annotated[int, Meta(ge=0, le=100)]
NONE = "none"
WAITS = (0, 1, 2, 3, 4, 5)
"""Days that a mail may be put off; a campaign lives a week. To wait for 0 days is to wait for one."""


class Probabilities(Frozen):
    """How likely each action is the best one, in percent."""

    send: Percent
    wait: Percent
    skip: Percent


class Policy(Frozen):
    """What Claude decides, for one customer or for all of a bucket."""

    reason: Annotated[str, Meta(min_length=1, max_length=600)]
    action: Literal["send", "wait", "skip", "leave"]
    leave_to: str
    tone: str
    offer: str
    wait_days: int
    confidence: Percent
    probabilities: Probabilities


class Words(Frozen):
    """What Claude writes for a variant. Names and limits as in `Copy`."""

    plan: Annotated[str, Meta(max_length=600)]
    subject: Annotated[str, Meta(min_length=1, max_length=150)]
    preheader: Annotated[str, Meta(max_length=200)]
    heading: Annotated[str, Meta(max_length=200)]
    body: Annotated[str, Meta(min_length=1, max_length=5000)]
    button: Annotated[str, Meta(max_length=60)]
    link: Annotated[str, Meta(max_length=500)]


ANSWERS: dict[str, type[Policy] | type[Words]] = {
    "customer": Policy,
    "bucket": Policy,
    "copy": Words,
}


class Wrong(Exception):
    """The answer is not one that was asked for; the text says why, without quoting it."""


KEPT = frozenset({"type", "enum", "const", "anyOf", "$ref", "properties", "items", "required"})
"""Keywords the API compiles; the others of JSON Schema are left out, since it refuses them."""


def tightened(kind: type[msgspec.Struct], choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The schema of a Struct as structured outputs take it: every property required, no others
    allowed, unsupported keywords dropped, everything in one piece.

    Args:
        kind: a Struct.
        choices: property -> the only values it may have, on the outermost level.
    """
    whole = msgspec.json.schema(kind)
    schema: dict[str, Any] = _tight(whole, whole.get("$defs", {}))
    for name, values in choices.items():
        was = schema["properties"][name]
        schema["properties"][name] = {"type": was["type"], "enum": list(values)}
    return schema


def _tight(node: Any, defs: Mapping[str, Any]) -> Any:
    if "$ref" in node:
        return _tight(defs[node["$ref"].rpartition("/")[2]], defs)
    found = {key: copy.deepcopy(value) for key, value in node.items() if key in KEPT}
    if "enum" in found:
        found.setdefault("type", "integer" if isinstance(found["enum"][0], int) else "string")
    if "properties" in found:
        found["properties"] = {k: _tight(v, defs) for k, v in node["properties"].items()}
        found["required"] = list(found["properties"])
        found["additionalProperties"] = False
    if "items" in found:
        found["items"] = _tight(node["items"], defs)
    if "anyOf" in found:
        found["anyOf"] = [_tight(one, defs) for one in node["anyOf"]]
    return found


def read(
    kind: str, text: str, schema: Mapping[str, Any], pairs: Sequence[tuple[str, str]] = ()
) -> Policy | Words:
    """The answer to a question of this kind.

    Args:
        kind: of the question.
        text: what Claude said.
        schema: what it was bound to; its choices are checked again, letter by letter.
        pairs: tone and offer of each mail that is possible.

    Raises:
        Wrong: it is none; with what to do better.
    """
    if not text.strip():
        raise Wrong("the answer was empty")
    try:
        answer = msgspec.json.decode(text, type=ANSWERS[kind])
    except msgspec.ValidationError as error:
        raise Wrong(f"the answer broke the schema: {_safe(error)}") from None
    except (msgspec.DecodeError, UnicodeError):
        raise Wrong("the answer was no complete JSON") from None
    for name, values in _choices(schema):
        if getattr(answer, name) not in values:
            raise Wrong(f"the answer broke the schema: `{name}` was none of the choices")
    if isinstance(answer, Policy):
        if answer.action == "leave" and answer.leave_to == NONE:
            raise Wrong("the action `leave` needs a campaign in `leave_to`")
        if answer.action in ("send", "wait") and (answer.tone, answer.offer) not in pairs:
            raise Wrong("there is no mail of this tone with this offer; `urgent` needs an offer")
    return answer


def _choices(schema: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name, one in schema["properties"].items():
        if "enum" in one:
            yield name, one["enum"]


def _safe(error: msgspec.ValidationError) -> str:
    """Where and how, without what the answer said: msgspec quotes values of enums."""
    said, _, where = str(error).partition(" - at ")
    if "Invalid enum value" in said:
        said = "none of the choices"
    if "unknown field" in said:
        return "it had a field too many"
    return f"{said} at {where.strip('`')}" if where else said
