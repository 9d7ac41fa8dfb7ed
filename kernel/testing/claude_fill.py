"""Any supported schema filled with sensible values, the same ones for the same request.

Names of our domain get values that make sense together (who is not written to gets no offer); enums
are chosen evenly, but for `send`, which is a little more likely than not.
"""

from __future__ import annotations

import random
import re
from typing import Any
from uuid import UUID

from kernel.testing.claude_copy import brief_of, words
from kernel.testing.claude_schema import resolve
from kernel.testing.claude_sense import agreed, bounds, range_of

_ID = re.compile(r"(^|_)(id|key|bucket|candidate|customer|variant|name|slug)$")
_NUMBERS: tuple[tuple[str, float, float], ...] = (
    ("confidence", 0.55, 0.95),
    ("probab", 0.05, 0.95),
    ("propensity", 0.05, 0.95),
    ("score", 0.1, 0.9),
    ("share", 0.1, 0.9),
    ("weight", 0.1, 0.9),
    ("percent", 5, 15),
    ("amount", 3, 10),
    ("hour", 4, 48),
    ("day", 1, 5),
    ("minute", 10, 120),
    ("rank", 1, 3),
    ("priority", 1, 5),
)  # fmt: skip
_FORMATS = {
    "date-time": "2026-12-01T10:00:00Z",
    "date": "2026-12-01",
    "time": "10:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "shop.example.com",
    "uri": "https://shop.example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def fill(schema: dict[str, Any], seed: int, prompt: str = "") -> Any:
    """A value that keeps to the schema, decided by `seed` alone.

    Args:
        schema: as `check_schema` took it; bounds that `anthropic.transform_schema` moved into
            descriptions are kept too.
        seed: of the request.
        prompt: its text: slots named in it may be used in copy, ids in it are answered one by one.
    """
    return _Filler(schema, seed, prompt).value(schema, "", {})


class _Filler:
    def __init__(self, root: dict[str, Any], seed: int, prompt: str) -> None:
        self.root = root
        self.dice = random.Random(seed)
        self.prompt = prompt
        self.brief = brief_of(prompt)

    def value(self, node: dict[str, Any], name: str, mirrored: dict[str, str]) -> Any:
        if "$ref" in node:
            return self.value(resolve(self.root, node["$ref"]), name, mirrored)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return self._chosen(node["enum"], name, mirrored)
        if "anyOf" in node:
            return self.value(self._variant(node["anyOf"]), name, mirrored)
        if "allOf" in node:
            return self.value(_merged(node), name, mirrored)
        kind = node.get("type", "string")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind == "object":
            return self._object(node, mirrored)
        if kind == "array":
            return self._array(node, name)
        if kind == "boolean":
            return self.dice.random() < 0.6
        if kind in ("integer", "number"):
            return self._number(node, name, whole=kind == "integer")
        return None if kind == "null" else self._text(node, name, mirrored)

    def _object(self, node: dict[str, Any], mirrored: dict[str, str]) -> dict[str, Any]:
        properties = node.get("properties", {})
        required = set(node.get("required", ()))
        # As the API does: what is required first, then the rest, of which some is left out.
        names = [name for name in properties if name in required]
        names += [n for n in properties if n not in required and self.dice.random() < 0.7]
        made = {name: self.value(properties[name], name, mirrored) for name in names}
        nodes = {name: self._at(node) for name, node in properties.items()}
        return agreed(made, nodes, self.dice)

    def _at(self, node: dict[str, Any]) -> dict[str, Any]:
        return resolve(self.root, node["$ref"]) if "$ref" in node else node

    def _chosen(self, options: list[Any], name: str, mirrored: dict[str, str]) -> Any:
        if mirrored.get(name) in options:
            return mirrored[name]
        if "send" in options and self.dice.random() < 0.4:
            return "send"
        return self.dice.choice(options)

    def _variant(self, variants: list[dict[str, Any]]) -> dict[str, Any]:
        nullable = [one for one in variants if one.get("type") == "null"]
        others = [one for one in variants if one.get("type") != "null"]
        if nullable and (not others or self.dice.random() < 0.3):
            return nullable[0]
        return self.dice.choice(others)

    def _array(self, node: dict[str, Any], name: str) -> list[Any]:
        items = node["items"]
        singular = name.removesuffix("s") or name
        if each := self._answered_one_by_one(items):
            return [self.value(items, singular, one) for one in each]
        told = bounds(node)
        low = int(max(node.get("minItems", 0), told.get("minItems", 0)))
        high = int(told.get("maxItems", max(3, low)))
        target = items if "$ref" not in items else resolve(self.root, items["$ref"])
        if "enum" in target:
            options = list(dict.fromkeys(target["enum"]))
            high = min(high, len(options))
            return self.dice.sample(options, self.dice.randint(min(max(low, 1), high), high))
        made: list[Any] = []
        for _ in range(self.dice.randint(min(max(low, 1), high), min(high, max(low, 3)))):
            value = self.value(items, singular, {})
            if value not in made or len(made) < low:
                made.append(value)
        return made

    def _answered_one_by_one(self, items: dict[str, Any]) -> list[dict[str, str]]:
        """One item for each id that the schema or else the prompt names, if items carry an id."""
        if "$ref" in items:
            items = resolve(self.root, items["$ref"])
        for name, node in items.get("properties", {}).items():
            if not _ID.search(name):
                continue
            if "enum" in node:
                return [{name: value} for value in node["enum"]]
            if node.get("type") == "string":
                pattern = rf'"{re.escape(name)}"\s*:\s*"([^"\\]+)"'
                if found := dict.fromkeys(re.findall(pattern, self.prompt)):
                    return [{name: value} for value in found]
        return []

    def _number(self, node: dict[str, Any], name: str, *, whole: bool) -> int | float:
        low, high = range_of(node)
        usual = next(
            (two for word, *two in _NUMBERS if word in name.lower()),
            [1, 5] if whole else [0.1, 0.9],
        )
        if whole and usual[1] < 1:  # told in percent
            usual = [usual[0] * 100, usual[1] * 100]
        least, most = max(low, usual[0]), min(high, usual[1])
        if least > most:
            least, most = low, high if high != float("inf") else low + 10
        if whole:
            return self.dice.randint(int(-(-least // 1)), max(int(most // 1), int(-(-least // 1))))
        return min(max(round(self.dice.uniform(least, most), 2), low), high)

    def _text(self, node: dict[str, Any], name: str, mirrored: dict[str, str]) -> str:
        if name in mirrored:
            return mirrored[name]
        form = node.get("format")
        if form == "uuid":
            return str(UUID(int=self.dice.getrandbits(128), version=4))
        if form in _FORMATS:
            return _FORMATS[form]
        if "pattern" in node:
            return _matching(node["pattern"])
        low = name.lower()
        if _ID.search(low):
            pattern = rf'"{re.escape(name)}"\s*:\s*"([^"\\]+)"'
            if found := re.search(pattern, self.prompt):
                return found.group(1)
        if low in ("offer", "offer_name", "discount"):
            return ""
        if low in ("language", "locale", "lang"):
            return "en"
        limit = bounds(node).get("maxLength")
        return words(name, self.dice, self.brief, None if limit is None else int(limit))


def _merged(node: dict[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in node.items() if key != "allOf"}
    for part in node["allOf"]:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged = {**merged, **part}
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def _matching(pattern: str) -> str:
    """A text that matches a simple pattern, found by the classes it is made of; "" where it is not simple."""
    text = ""
    parts = re.findall(
        r"(\[(?:\\.|[^\]])+\]|\\.|\.|[^\\\[\]^$(){}|?*+])(\{(\d+)(?:,\d*)?\}|[+*?])?", pattern
    )
    for part, _, count in parts:
        one = next(
            char for char in "aA0-_ .@/:#" + part[-1] if part == "." or re.fullmatch(part, char)
        )
        text += one * int(count or 1)
    return text if re.search(pattern, text) else ""
