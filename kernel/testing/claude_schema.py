"""Which JSON schemas structured outputs take: the rules of the real API, which refuses the rest with 400."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from kernel.testing.claude_errors import Invalid

MAX_OPTIONAL = 24
MAX_UNIONS = 16

_ANYWHERE = {"type", "title", "description", "enum", "const", "default", "$defs", "definitions"}
_BY_TYPE = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems"},
    "string": {"format", "pattern"},
    "integer": set[str](),
    "number": set[str](),
    "boolean": set[str](),
    "null": set[str](),
}
FORMATS = {
    *("date-time", "time", "date", "duration", "email", "hostname"),
    *("uri", "ipv4", "ipv6", "uuid"),
}
_COMBINING = {"anyOf", "allOf", "$ref"}
_NO_PATTERNS = ("(?=", "(?!", "(?<", "\\b", "\\B", *(f"\\{digit}" for digit in range(1, 10)))


def check_schema(schema: Any, where: str = "output_config.format.schema") -> None:
    """Returns when the API would take the schema.

    Raises:
        Invalid: 400, with the path of what it does not take.
    """
    if not isinstance(schema, dict):
        raise Invalid(where, "Input should be an object")
    if not schema.keys() & {"type", "anyOf", "allOf", "$ref"}:
        raise Invalid(where, "Schema must have a 'type', 'anyOf', 'allOf' or '$ref' at the top")
    try:
        _walked(msgspec.json.encode(schema), where)
    except RecursionError as error:
        raise Invalid(where, "Schema is too complex for compilation") from error


@functools.lru_cache(maxsize=256)
def _walked(encoded: bytes, where: str) -> None:
    """Each schema is looked through once, however often it is sent."""
    schema = msgspec.json.decode(encoded)
    counts = _Counts(schema)
    counts.walk(schema, where, ())
    if counts.optional > MAX_OPTIONAL:
        raise Invalid(
            where,
            f"Schema has {counts.optional} optional parameters, more than the limit of {MAX_OPTIONAL}. "
            "Make parameters required.",
        )
    if counts.unions > MAX_UNIONS:
        raise Invalid(
            where,
            f"Schema has {counts.unions} parameters with union types, more than the limit of {MAX_UNIONS}.",
        )


def resolve(root: dict[str, Any], ref: str) -> Any:
    """What an internal `$ref` names; None when there is no such thing."""
    found: Any = root
    for part in ref.removeprefix("#/").split("/") if ref.startswith("#/") else ["", ref]:
        found = found.get(part) if isinstance(found, dict) else None
    return found


class _Counts:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.optional = 0
        self.unions = 0
        self.seen: set[str] = set()

    def walk(self, node: Any, where: str, above: tuple[str, ...]) -> None:
        if not isinstance(node, dict):
            raise Invalid(where, "Input should be a schema object")
        for group in ("$defs", "definitions"):
            for name, part in (node.get(group) or {}).items():
                if f"#/{group}/{name}" not in self.seen:
                    self._definition(f"#/{group}/{name}", part, where, above)
        if "$ref" in node:
            self._reference(node["$ref"], where, above)
            return
        self._keywords(node, where)
        for combining in ("anyOf", "allOf"):
            for index, part in enumerate(node.get(combining, ())):
                if combining == "allOf" and isinstance(part, dict) and "$ref" in part:
                    raise Invalid(where, "'allOf' with '$ref' is not supported")
                self.walk(part, f"{where}.{combining}.{index}", above)
        if "anyOf" in node or isinstance(node.get("type"), list):
            self.unions += 1
        if node.get("type") == "object":
            self._object(node, where, above)
        if node.get("type") == "array":
            self.walk(node.get("items"), f"{where}.items", above)

    def _reference(self, ref: Any, where: str, above: tuple[str, ...]) -> None:
        if not isinstance(ref, str) or not ref.startswith("#/"):
            raise Invalid(where, "External '$ref' is not supported")
        if ref in above:
            raise Invalid(where, f"Circular reference detected in schema definitions: {ref}")
        found = resolve(self.root, ref)
        if found is None:
            raise Invalid(where, f"'$ref' names nothing: {ref}")
        if ref not in self.seen:
            self._definition(ref, found, where, above)

    def _definition(self, ref: str, node: Any, where: str, above: tuple[str, ...]) -> None:
        self.walk(node, f"{where}.{ref}", (*above, ref))
        self.seen.add(ref)

    def _keywords(self, node: dict[str, Any], where: str) -> None:
        kinds = node.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if odd := [kind for kind in kinds if kind not in _BY_TYPE]:
            raise Invalid(where, f"Type {odd[0]!r} is not supported")
        if not kinds and not node.keys() & {"enum", "const", "anyOf", "allOf"}:
            raise Invalid(where, "Schema must have a 'type'")
        allowed = _ANYWHERE | _COMBINING
        for kind in kinds:
            allowed = allowed | _BY_TYPE[kind]
        if odd := sorted(node.keys() - allowed):
            named = ", ".join(odd)
            raise Invalid(
                where,
                f"For '{kinds[0] if kinds else 'any'}' type, property '{named}' is not supported",
            )
        if any(isinstance(value, dict | list) for value in node.get("enum", ())):
            raise Invalid(where, "'enum' holds strings, numbers, booleans or null")
        if "enum" in node and not node["enum"]:
            raise Invalid(where, "'enum' is empty")
        if node.get("minItems", 0) not in (0, 1):
            raise Invalid(
                where, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
            )
        if "format" in node and node["format"] not in FORMATS:
            raise Invalid(where, f"For 'string' type, 'format' {node['format']!r} is not supported")
        if any(part in node.get("pattern", "") for part in _NO_PATTERNS):
            raise Invalid(where, "'pattern' has lookaround, boundaries or backreferences")

    def _object(self, node: dict[str, Any], where: str, above: tuple[str, ...]) -> None:
        if node.get("additionalProperties") is not False:
            raise Invalid(
                where, "For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        properties = node.get("properties", {})
        required = node.get("required", [])
        if odd := [name for name in required if name not in properties]:
            raise Invalid(where, f"'required' names no property: {odd[0]}")
        self.optional += len(properties) - len(set(required))
        for name, part in properties.items():
            self.walk(part, f"{where}.properties.{name}", above)
