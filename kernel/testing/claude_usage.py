"""Tokens of a prompt, and the prompt cache: what of it was read, written or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from kernel.testing.claude_checks import blocks
from kernel.testing.claude_models import FakeModel

BYTES_PER_TOKEN = 3.2
"""About what English text and JSON come to with the tokenizer of the 5.x models."""
_SECONDS = {"5m": 300.0, "1h": 3600.0}


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text.encode()) * 10 // int(BYTES_PER_TOKEN * 10))


@dataclass(slots=True)
class Prompt:
    """A prompt, measured."""

    text: str
    """All that the model reads: system, tools, messages and the schema."""
    tokens: int
    marks: list[tuple[bytes, int, str]]
    """For each cache breakpoint: hash of all before it, tokens up to it, its time to live."""


def measure(params: dict[str, Any], model: FakeModel) -> Prompt:
    """The text of a prompt, its tokens and its cache breakpoints."""
    config = params.get("output_config") or {}
    schema = msgspec.json.encode(config["format"]).decode() if config.get("format") else ""
    # Another model, schema or effort is another prefix.
    prefix = hashlib.sha256(f"{model.id}\n{config.get('effort')}\n{schema}".encode())
    texts, count, marks = [], 0, []
    for _, block in blocks(params):
        text = block["text"] if block.get("type") == "text" else msgspec.json.encode(block).decode()
        texts.append(text)
        count += tokens(text) + 4
        prefix.update(text.encode() + b"\0")
        if control := block.get("cache_control"):
            marks.append((prefix.digest(), count, control.get("ttl", "5m")))
    if control := params.get("cache_control"):
        marks.append((prefix.digest(), count, control.get("ttl", "5m")))
    if schema:
        texts.append(schema)
        count += tokens(schema) + 30
    return Prompt("\n".join(texts), count, marks)


class PromptCache:
    """Prefixes written so far; each lives its time from its last use on."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._until: dict[bytes, float] = {}

    def use(self, prompt: Prompt, model: FakeModel) -> dict[str, Any]:
        """The input side of `usage` for this prompt; what it marks is in the cache afterwards."""
        now = self._seconds()
        read = written = 0
        by_ttl = {"5m": 0, "1h": 0}
        for digest, count, ttl in prompt.marks:
            if count < model.min_cacheable:
                continue
            if self._until.get(digest, 0.0) > now:
                read, written = count, 0
                by_ttl = {"5m": 0, "1h": 0}
            else:
                by_ttl[ttl] += count - read - written
                written = count - read
            self._until[digest] = now + _SECONDS[ttl]
        return {
            "input_tokens": prompt.tokens - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": by_ttl["5m"],
                "ephemeral_1h_input_tokens": by_ttl["1h"],
            },
        }
