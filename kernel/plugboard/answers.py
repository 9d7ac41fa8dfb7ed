"""What an answer must look like: nonsense from a plugin stops here, with the plugin's name on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec

from kernel.contracts.campaigns import Written
from kernel.contracts.decisions import Advice, Decision, Guarded, Outcome, Pending, Verdict
from kernel.contracts.delivery import Findings, MessageVars
from kernel.contracts.plugins import Erased, Export
from kernel.plugboard.plans import ARGUMENTS

Check = Callable[[Any, Sequence[Any]], None]

_CANDIDATES = ARGUMENTS["decide"].index("candidates")
_ASKED = ARGUMENTS["consult"].index("candidates")
_GUARDED = ARGUMENTS["adjust_decisions"].index("decisions")
_BRIEFS = ARGUMENTS["write_copy"].index("briefs")
_BATCH = ARGUMENTS["compliance_rules"].index("batch")
_VALUES = ARGUMENTS["template_vars"].index("values")
_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322: printable, no colon
_WITHOUT_TIME = frozenset(get_args(Outcome)) - {"deferred"}
_encode = msgspec.msgpack.Encoder().encode
_decode_decision = msgspec.msgpack.Decoder(Decision).decode


class Nonsense(Exception):
    """A plugin answered something its hook does not allow; the text says what."""


def _sequence(answer: Any, length: int, kind: type) -> Sequence[Any]:
    if not isinstance(answer, (list, tuple)):
        raise Nonsense(f"answered {type(answer).__name__}, not a list of {kind.__name__}")
    if len(answer) != length:
        raise Nonsense(f"answered {len(answer)} items where {length} were asked for")
    return answer


def for_each_candidate(answer: Any, given: Sequence[Any]) -> None:
    """Raises Nonsense unless the answer of `decide` is None or one item a candidate."""
    if answer is not None:
        _sequence(answer, len(given[_CANDIDATES]), Decision)


def check_decision(one: Any) -> None:
    """Raises Nonsense unless `one` is a Decision whose fields are of their types."""
    if type(one) is not Decision:
        raise Nonsense(f"answered {type(one).__name__}, not Decision or None")
    try:  # not checked when it was made, and kept for ever
        _decode_decision(_encode(one))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise Nonsense(f"answered a Decision that is not valid: {error}") from error


def _decisions(answer: Any, given: Sequence[Any]) -> None:
    for_each_candidate(answer, given)
    for one in answer or ():
        if one is not None:
            check_decision(one)


def _verdicts(answer: Any, given: Sequence[Any]) -> None:
    if type(answer) is not list or len(answer) != len(given[_BATCH]):
        _sequence(answer, len(given[_BATCH]), Verdict)
    last = answer
    for one in answer:  # every rule for every message: the usual case must be quick
        if one is last:  # most rules answer with one constant
            continue
        last = one
        if type(one) is not Verdict or one.outcome not in _WITHOUT_TIME:
            _unusual(one)


def _unusual(one: Any) -> None:
    if type(one) is not Verdict:
        raise Nonsense(f"answered {type(one).__name__}, not Verdict")
    if one.outcome != "deferred":
        raise Nonsense(f"answered a Verdict with the unknown outcome {one.outcome!r}")
    if not isinstance(one.until, datetime) or one.until.tzinfo is None:
        raise Nonsense("answered `deferred` without `until`, a time with its time zone")


def _message_vars(answer: Any, given: Sequence[Any]) -> None:
    for one in _sequence(answer, len(given[_VALUES]), MessageVars):
        if type(one) is not MessageVars:
            raise Nonsense(f"answered {type(one).__name__}, not MessageVars")
        if type(one.slots) is not dict or type(one.headers) is not dict:
            raise Nonsense("answered MessageVars whose slots or headers are not a dict")
        for name, value in one.headers.items():
            if type(name) is not str or type(value) is not str:
                raise Nonsense(f"answered a header {name!r} that is not text")
            if not _HEADER_NAME.fullmatch(name) or "\n" in value or "\r" in value:
                raise Nonsense(f"answered a header {name!r} that would break the message")


def _each(place: int, *kinds: type) -> Check:
    """A check for one answer an item, each of these types (or None) and valid as a whole."""
    decoders: dict[type, Any] = {kind: msgspec.msgpack.Decoder(kind).decode for kind in kinds}

    def check(answer: Any, given: Sequence[Any]) -> None:
        last: Any = answer
        for one in _sequence(answer, len(given[place]), kinds[0]):
            if one is last:
                continue
            last = one
            if one is None and type(None) in kinds:
                continue
            if type(one) not in decoders:
                raise Nonsense(f"answered {type(one).__name__}, not {kinds[0].__name__}")
            try:
                decoders[type(one)](_encode(one))
            except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
                wrong = f"answered {type(one).__name__} that is not valid: {error}"
                raise Nonsense(wrong) from error

    return check


def _one(kind: type) -> Check:
    def check(answer: Any, given: Sequence[Any]) -> None:
        if type(answer) is not kind:
            raise Nonsense(f"answered {type(answer).__name__}, not {kind.__name__}")

    return check


CHECKS: dict[str, Check] = {
    "consult": _each(_ASKED, Advice, Pending, type(None)),
    "decide": _decisions,
    "adjust_decisions": _each(_GUARDED, Guarded),
    "write_copy": _each(_BRIEFS, Written, Pending, type(None)),
    "compliance_rules": _verdicts,
    "template_vars": _message_vars,
    "mail_findings": _each(ARGUMENTS["mail_findings"].index("batch"), Findings),
    "export_customer": _one(Export),
    "erase_customer": _one(Erased),
}
"""hook -> a function of the answer and the arguments that raises Nonsense. What is not named here needs no answer."""
