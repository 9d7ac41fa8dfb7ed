"""From a prompt to a Message: filled by the schema, decided by the test, or spoiled by a fault."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import msgspec

from kernel.testing.claude_copy import Brief, words
from kernel.testing.claude_errors import ApiError
from kernel.testing.claude_faults import spoiled
from kernel.testing.claude_fill import fill
from kernel.testing.claude_models import FakeModel
from kernel.testing.claude_record import Asked
from kernel.testing.claude_usage import BYTES_PER_TOKEN, Prompt, PromptCache, measure, tokens

Answer = Callable[[Asked], Any]
"""Gets the prompt, with what would be answered in `asked.filled`; returns a value for JSON, a text, or
None to let the default stand. May raise `ApiError`."""

_REFUSED = "I can't help with that request."
_ERRORS = {"errored": (500, "Internal server error"), "overloaded": (529, "Overloaded")}


class Answerer:
    """Answers prompts; the same prompt always gets the same answer."""

    def __init__(self, cache: PromptCache) -> None:
        self.cache = cache
        self.answer: Answer | None = None
        self.thinks = True
        self._count = itertools.count(1)
        """Whether a thinking block comes before the text, where the request leaves thinking on."""

    def message(
        self,
        asked: Asked,
        params: dict[str, Any],
        model: FakeModel,
        fault: str = "",
        tier: str = "standard",
    ) -> dict[str, Any]:
        """The Message for a prompt that was checked.

        Raises:
            ApiError: the fault is an error, or the test's answer function raised it.
        """
        if fault in _ERRORS:
            raise ApiError(*_ERRORS[fault])
        seed = int.from_bytes(asked.key)
        prompt = measure(params, model)
        blocks, reason = self._content(asked, params, prompt, seed, fault)
        details = None
        if reason == "refusal":
            details = {"type": "refusal", "category": None, "explanation": None}
        thought = _thought(params, model, seed) if self.thinks and blocks else 0
        if thought:
            blocks.insert(0, {"type": "thinking", "thinking": "", "signature": f"{seed:032x}"})
        written = sum(tokens(_block_text(block)) for block in blocks) + thought + 3
        if params["max_tokens"] == 0:
            blocks, written, reason = [], 0, "max_tokens"
        elif written > params["max_tokens"]:
            blocks, written, reason = _cut(blocks, params["max_tokens"], thought)
        return {
            "id": f"msg_{next(self._count):024x}",
            "type": "message",
            "role": "assistant",
            "model": model.id,
            "content": blocks,
            "stop_reason": reason,
            "stop_sequence": None,
            "stop_details": details,
            "usage": {
                **self.cache.use(prompt, model),
                "output_tokens": written,
                "output_tokens_details": {"thinking_tokens": thought},
                "service_tier": tier,
                "inference_geo": params.get("inference_geo") or "global",
            },
        }

    def _content(
        self, asked: Asked, params: dict[str, Any], prompt: Prompt, seed: int, fault: str
    ) -> tuple[list[dict[str, Any]], str]:
        """Content blocks and the stop reason."""
        if fault in ("refusal", "empty", "paused"):
            return [], {"refusal": "refusal", "empty": "end_turn", "paused": "pause_turn"}[fault]
        if fault == "refusal_text":
            return [{"type": "text", "text": _REFUSED}], "refusal"
        if fault == "blank":
            return [{"type": "text", "text": ""}], "end_turn"
        tool = _tool(params)
        schema = tool["input_schema"] if tool else _schema(params)
        value = self._value(asked, schema, prompt.text, seed)
        if tool and not fault:
            use = {"type": "tool_use", "id": f"toolu_{asked.key.hex()[:24]}", "name": tool["name"]}
            return [{**use, "input": value}], "tool_use"
        text = spoiled(fault, value, seed)
        return [
            {"type": "text", "text": text}
        ], "max_tokens" if fault == "truncated" else "end_turn"

    def _value(self, asked: Asked, schema: dict[str, Any] | None, prompt: str, seed: int) -> Any:
        if schema is None:
            filled: Any = words("text", random.Random(seed), Brief())
        else:
            filled = fill(schema, seed, prompt)
        if self.answer is None:
            return filled
        asked.filled = filled
        decided = self.answer(asked)
        asked.filled = None
        return filled if decided is None else decided


def _schema(params: dict[str, Any]) -> dict[str, Any] | None:
    form = (params.get("output_config") or {}).get("format")
    return form["schema"] if form else None


def _tool(params: dict[str, Any]) -> dict[str, Any] | None:
    choice = params.get("tool_choice") or {}
    tools: list[dict[str, Any]] = params.get("tools") or []
    for tool in tools:
        if choice.get("type") == "any" or tool["name"] == choice.get("name"):
            return tool
    return None


def _thought(params: dict[str, Any], model: FakeModel, seed: int) -> int:
    """Thinking tokens: 0 where the request switched thinking off, else by effort."""
    kind = (params.get("thinking") or {}).get("type") or next(iter(model.thinking), "disabled")
    if kind not in ("adaptive", "enabled"):
        return 0
    effort = (params.get("output_config") or {}).get("effort") or "medium"
    usual = {"low": 40, "medium": 100, "high": 250, "xhigh": 600, "max": 1500}[effort]
    return usual + seed % usual


def _block_text(block: dict[str, Any]) -> str:
    if block["type"] == "tool_use":
        return msgspec.json.encode(block["input"]).decode()
    return str(block.get("text", ""))


def _cut(
    blocks: list[dict[str, Any]], limit: int, thought: int
) -> tuple[list[dict[str, Any]], int, str]:
    """What `limit` tokens suffice for."""
    left = max(0, int((limit - thought - 3) * BYTES_PER_TOKEN))
    kept = []
    for block in blocks:
        if block["type"] == "text":
            block = {**block, "text": block["text"].encode()[:left].decode(errors="ignore")}
            left -= len(block["text"].encode())
        if block["type"] != "text" or block["text"]:
            kept.append(block)
    return kept, limit, "max_tokens"
