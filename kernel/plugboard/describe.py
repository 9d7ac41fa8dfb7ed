"""A plugin's settings in words, from the Struct in its manifest."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect as types

from kernel.contracts.base import Frozen

_PLAIN: dict[type, str] = {
    types.BoolType: "true or false",
    types.IntType: "whole number",
    types.FloatType: "number",
    types.StrType: "text",
    types.NoneType: "nothing",
    types.DateTimeType: "date and time",
    types.DateType: "date",
    types.DecimalType: "decimal number",
}
_LIMITS = {
    "ge": "from {}",
    "gt": "more than {}",
    "le": "up to {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
}


class SettingRow(Frozen):
    """One setting, as `mailwright plugins show` prints it."""

    name: str
    type: str
    default: str
    """As written in tenant.toml."""
    description: str


def settings_rows(kind: type[msgspec.Struct]) -> list[SettingRow]:
    """Every setting of the Struct, in its order."""
    info: Any = types.type_info(kind)
    defaults = msgspec.to_builtins(kind())
    return [
        SettingRow(
            name=field.encode_name,
            type=in_words(field.type),
            default=msgspec.json.encode(defaults[field.encode_name]).decode(),
            description=(_meta(field.type) or {}).get("description", ""),
        )
        for field in info.fields
    ]


def in_words(kind: Any) -> str:
    """What a value of this type is, for someone who writes it into a file."""
    if isinstance(kind, types.Metadata):
        return in_words(kind.type)
    if isinstance(kind, types.LiteralType):
        return "one of " + ", ".join(map(str, kind.values))
    if isinstance(kind, types.EnumType):
        return "one of " + ", ".join(str(member.value) for member in kind.cls)
    if isinstance(kind, types.UnionType):
        return " or ".join(in_words(one) for one in kind.types)
    if isinstance(kind, types.DictType):
        return f"table of {in_words(kind.value_type)}"
    if item := getattr(kind, "item_type", None):
        return _limited(kind, f"list of {in_words(item)}")
    if isinstance(kind, types.StructType):
        return f"table ({', '.join(field.encode_name for field in kind.fields)})"
    return _limited(kind, _PLAIN.get(type(kind), type(kind).__name__.removesuffix("Type").lower()))


def _limited(kind: Any, words: str) -> str:
    limits = [
        text.format(value)
        for name, text in _LIMITS.items()
        if (value := getattr(kind, name, None)) is not None
    ]
    return ", ".join([words, *limits])


def _meta(kind: Any) -> dict[str, Any] | None:
    return kind.extra_json_schema if isinstance(kind, types.Metadata) else None
