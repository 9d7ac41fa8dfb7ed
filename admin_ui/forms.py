"""A form for any settings Struct: the right inputs, their limits, and errors beside the field."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import msgspec.inspect as types

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from kernel.tenancy.checks import Fault

_CLOCK = (("00:00", True), ("23:59", True), ("24:00", False), ("9:00", False), ("09:60", False))
"""A pattern that judges these so is a time of day."""

_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}

Input = Literal["text", "long", "number", "time", "switch", "choice", "choices", "list", "json"]


class Field(Frozen):
    """One input, as a template draws it."""

    name: str
    label: str
    input: Input
    value: Any
    """As it stands in the input: text; a bool for `switch`; a list for `choices`."""
    help: str = ""
    limits: str = ""
    """What is accepted, in words."""
    attributes: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it
    """HTML attributes that let the browser check before we do."""
    options: tuple[str, ...] = ()
    required: bool = False
    error: str = ""


def fields(
    kind: type[msgspec.Struct],
    values: Mapping[str, Any],
    faults: Iterable[Fault] = (),
    **inputs: Input,
) -> list[Field]:
    """A Field for each of the Struct's, filled with `values` or its defaults.

    Args:
        kind: a Struct; nested Structs become fields named `outer.inner`.
        values: plain data, or what somebody typed.
        faults: what is wrong with them, by path.
        inputs: a field's name and the input to use instead of the usual one.
    """
    errors: dict[str, str] = {}
    for fault in faults:
        text = _in_words(fault.message)
        said = f"{text[:1].upper()}{text[1:].rstrip('.')}. {fault.fix}".strip()
        # The third of a list is wrong: the list has one input.
        errors.setdefault(fault.path.partition("[")[0], said)
    return list(_fields(kind, values, errors, inputs, ""))


def _in_words(message: str) -> str:
    """The bounds that msgspec names as a sentence: "text of at least 1 character", "a number, at most 9"."""
    message = re.sub(
        r"(text|list) of length (>=|<=) (\d+)",
        lambda m: f"{m[1]} of {_BOUNDS[m[2]]} {m[3]}" + (" characters" if m[1] == "text" else ""),
        message,
    )
    return re.sub(r" (>=|<=|>|<) ", lambda m: f", {_BOUNDS[m[1]]} ", message)


def _fields(
    kind: Any, values: Mapping[str, Any], errors: dict[str, str], inputs: dict[str, Input], at: str
) -> Iterable[Field]:
    # msgspec puts required fields first; people wrote them in an order that makes sense.
    written = list(get_type_hints(kind))
    found = sorted(msgspec.structs.fields(kind), key=lambda field: written.index(field.name))
    for field in found:
        inner, help_text = _open(types.type_info(field.type))
        default = _default(field)
        value = values.get(field.encode_name, default)
        path = f"{at}{field.encode_name}"
        if isinstance(inner, types.StructType):
            plain = value if isinstance(value, Mapping) else msgspec.to_builtins(value)
            yield from _fields(inner.cls, plain, errors, inputs, f"{path}.")
            continue
        shape = inputs.get(path, _input(inner))
        yield Field(
            name=path,
            label=field.encode_name.replace("_", " ").capitalize(),
            input=shape,
            value=_shown(shape, value),
            help=help_text,
            limits=_limits(inner),
            attributes=_attributes(shape, inner),
            options=tuple(map(str, _choices(field.type))),
            required=shape in ("text", "number", "time", "long") and not _may_be_empty(inner),
            error=errors.get(path, ""),
        )


def read(
    kind: type[msgspec.Struct], form: Mapping[str, Any], many: Mapping[str, list[str]], at: str = ""
) -> dict[str, Any]:
    """What a sent form says, as plain data for the Struct; not yet checked.

    Args:
        kind: the Struct the form was made from.
        form: name -> text.
        many: name -> all its values, for lists of choices.
        at: the path of `kind` within the form.
    """
    data: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        name = f"{at}{field.encode_name}"
        inner, _ = _open(types.type_info(field.type))
        text = str(form.get(name, "")).replace("\r\n", "\n").strip()
        shape = _input(inner)
        if isinstance(inner, types.StructType):
            data[field.encode_name] = read(inner.cls, form, many, f"{name}.")
        elif shape == "switch":
            data[field.encode_name] = name in form
        elif shape == "choices":
            data[field.encode_name] = [v for v in many.get(name, []) if v]
        elif shape == "list":
            data[field.encode_name] = [part for part in map(str.strip, text.split(",")) if part]
        elif shape == "json":
            try:
                data[field.encode_name] = msgspec.json.decode(text or "null")
            except msgspec.DecodeError:
                data[field.encode_name] = text
        else:
            data[field.encode_name] = None if not text and _nullable(field.type) else text
    return data


def _open(info: types.Type) -> tuple[types.Type, str]:
    """The type within its annotations, and the outermost description."""
    help_text = ""
    while isinstance(info, types.Metadata):
        help_text = help_text or (info.extra_json_schema or {}).get("description", "")
        info = info.type
    if isinstance(info, types.UnionType):
        rest = [one for one in info.types if not isinstance(one, types.NoneType)]
        if len(rest) == 1:
            inner, inner_help = _open(rest[0])
            return inner, help_text or inner_help
    return info, help_text


def _nullable(kind: Any) -> bool:
    info = types.type_info(kind)
    while isinstance(info, types.Metadata):
        info = info.type
    return isinstance(info, types.UnionType) and info.includes_none


def _default(field: Any) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return "" if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _list_item(info: types.Type) -> types.Type | None:
    if isinstance(info, (types.VarTupleType, types.ListType, types.SetType, types.FrozenSetType)):
        return _open(info.item_type)[0]
    return None


def _input(info: types.Type) -> Input:
    if isinstance(info, types.BoolType):
        return "switch"
    if isinstance(info, (types.IntType, types.FloatType, types.DecimalType)):
        return "number"
    if isinstance(info, (types.LiteralType, types.EnumType)):
        return "choice"
    if isinstance(info, types.StrType):
        if info.pattern and all(bool(re.search(info.pattern, t)) is ok for t, ok in _CLOCK):
            return "time"
        return "long" if (info.max_length or 0) > 500 else "text"
    item = _list_item(info)
    if isinstance(item, (types.LiteralType, types.EnumType)):
        return "choices"
    if isinstance(item, (types.StrType, types.IntType, types.FloatType)):
        return "list"
    return "json"


def _choices(kind: Any) -> tuple[Any, ...]:
    """What a Literal or enum offers, within annotations and lists, in the order it is written in
    (msgspec.inspect sorts it).
    """
    if get_origin(kind) is Literal:
        return get_args(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(one.value for one in kind)
    inner = [arg for arg in get_args(kind) if arg not in (Ellipsis, NoneType)]
    return _choices(inner[0]) if inner else ()


def _shown(shape: Input, value: Any) -> Any:
    if shape == "switch":
        return bool(value)
    if shape == "choices":
        return [str(one) for one in value] if isinstance(value, (list, tuple, set)) else []
    if shape == "list":
        return value if isinstance(value, str) else ", ".join(map(str, value))
    if shape == "json" and not isinstance(value, str):
        return msgspec.json.format(msgspec.json.encode(value)).decode()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _bounds(info: types.Type) -> tuple[Any, Any, Any, Any]:
    if not isinstance(info, (types.IntType, types.FloatType)):
        return None, None, None, None
    return info.ge, info.gt, info.le, info.lt


def _attributes(shape: Input, info: types.Type) -> dict[str, str]:
    found: dict[str, Any] = {}
    if shape == "number":
        ge, gt, le, lt = _bounds(info)
        found["min"] = gt if ge is None else ge
        found["max"] = lt if le is None else le
        found["step"] = "1" if isinstance(info, types.IntType) else "any"
    elif isinstance(info, types.StrType):
        found["minlength"] = info.min_length
        found["maxlength"] = info.max_length
    return {name: str(value) for name, value in found.items() if value is not None}


def _limits(info: types.Type) -> str:
    ge, gt, le, lt = _bounds(info)
    low = f"from {ge:,}" if ge is not None else f"more than {gt:,}" if gt is not None else ""
    high = f"to {le:,}" if le is not None else f"less than {lt:,}" if lt is not None else ""
    if not low and high:
        high = f"at most {le:,}" if le is not None else high
    if low or high:
        return f"{low} {high}".strip().capitalize()
    item = _list_item(info)
    if isinstance(item, (types.StrType, types.IntType, types.FloatType)):
        return "Divided by commas"
    if isinstance(info, types.StrType) and info.max_length:
        return f"Up to {info.max_length:,} characters"
    return ""


def _may_be_empty(info: types.Type) -> bool:
    return isinstance(info, types.StrType) and not info.min_length and not info.pattern
