"""What the tests of the fake Claude ask it."""

from __future__ import annotations

import json
from typing import Any, Literal

import anthropic
import pydantic

HAIKU = "claude-haiku-5-5"


class Advice(pydantic.BaseModel):
    reasons: list[str] = pydantic.Field(min_length=1, max_length=3)
    action: Literal["send", "skip", "wait"]
    tone: Literal["professional", "friendly", "urgent", "conversational"]
    offer: Literal["none", "percent/10", "amount/5"]
    wait_hours: int = pydantic.Field(ge=0, le=72)
    confidence: float = pydantic.Field(ge=0, le=1)


def asking(about: str, model: type[pydantic.BaseModel] = Advice, **more: Any) -> dict[str, Any]:
    """Parameters of a prompt."""
    schema = anthropic.transform_schema(model)
    return {
        "model": HAIKU,
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": about}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        **more,
    }


def value(message: anthropic.types.Message) -> Any:
    """The JSON of an answer."""
    return json.loads(next(block.text for block in message.content if block.type == "text"))
