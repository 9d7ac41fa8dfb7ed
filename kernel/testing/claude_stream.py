"""A Message as server-sent events, for clients that ask for `stream`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

_CHARS = 24
"""Of one delta."""


def events(message: dict[str, Any]) -> Iterator[bytes]:
    """The events that make up a Message, in their order, each as it stands on the wire."""
    usage = {**message["usage"], "output_tokens": 1}
    begun: dict[str, Any] = {
        "content": [],
        "stop_reason": None,
        "stop_details": None,
        "usage": usage,
    }
    yield _event("message_start", message={**message, **begun})
    for index, block in enumerate(message["content"]):
        empty, deltas = _parts(block)
        yield _event("content_block_start", index=index, content_block=empty)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    told = {"output_tokens": message["usage"]["output_tokens"]}
    yield _event("message_delta", delta=delta, usage=told)
    yield _event("message_stop")


def _parts(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block without what it holds, and that in pieces."""
    if block["type"] == "text":
        pieces = [{"type": "text_delta", "text": part} for part in _pieces(block["text"])]
        return {**block, "text": ""}, pieces
    if block["type"] == "tool_use":
        text = msgspec.json.encode(block["input"]).decode()
        pieces = [{"type": "input_json_delta", "partial_json": part} for part in _pieces(text)]
        return {**block, "input": {}}, pieces
    signed = {"type": "signature_delta", "signature": block["signature"]}
    return {**block, "signature": ""}, [signed]


def _pieces(text: str) -> list[str]:
    return [text[start : start + _CHARS] for start in range(0, len(text), _CHARS)]


def _event(kind: str, **fields: Any) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return f"event: {kind}\ndata: ".encode() + data + b"\n\n"
