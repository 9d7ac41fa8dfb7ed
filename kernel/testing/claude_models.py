"""The models of the fake Claude: facts that requests are checked against, as the Models API tells them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kernel.testing.claude_errors import ApiError, Invalid

_EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, kw_only=True)
class FakeModel:
    """One model; a test changes it by `fake.model("claude-haiku-5-5", lifecycle="retired")`."""

    id: str
    display_name: str
    created_at: str = "2026-09-01T00:00:00Z"
    lifecycle: str = "active"
    """`active`, `deprecated` (still answers) or `retired` (answers 404)."""
    deprecated_at: str | None = None
    retires_at: str | None = None
    """RFC 3339, e.g. `2026-11-30T00:00:00Z`."""
    line: str | None = None
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    structured_outputs: bool = True
    batch: bool = True
    min_cacheable: int = 512
    """Tokens; a shorter prefix is silently not cached."""
    thinking: tuple[str, ...] = ("adaptive", "disabled", "between_tools")
    """What `thinking.type` may be; the first is what holds when it is not given."""
    efforts: tuple[str, ...] = _EFFORTS
    sampling: bool = False
    """Whether temperature, top_p, top_k and a prefilled answer are taken."""

    def told(self) -> dict[str, Any]:
        """As GET /v1/models/{id} tells it."""
        yes, no = {"supported": True}, {"supported": False}
        efforts = {name: yes if name in self.efforts else no for name in _EFFORTS}
        kinds = ("adaptive", "between_tools", "disabled", "enabled")
        types = {name: yes if name in self.thinking else no for name in kinds}
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": self.created_at,
            "lifecycle": self.lifecycle,
            "deprecated_at": self.deprecated_at,
            "retires_at": self.retires_at,
            "line": self.line,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "capabilities": {
                "batch": {"supported": self.batch},
                "citations": yes,
                "code_execution": no,
                "context_management": {"supported": False},
                "effort": {"supported": bool(self.efforts), **efforts},
                "image_input": yes,
                "pdf_input": yes,
                "server_tools": {"supported": False, "code_execution": no, "web_search": no},
                "structured_outputs": {"supported": self.structured_outputs},
                "thinking": {"supported": bool(self.thinking), "types": types},
            },
        }


_ALWAYS = ("adaptive", "between_tools")
_BEFORE = ("disabled", "enabled")


def _all() -> list[FakeModel]:
    haiku = FakeModel(id="claude-haiku-5-5", display_name="Claude Haiku 5.5", line="haiku")
    sonnet = FakeModel(
        id="claude-sonnet-5-5",
        display_name="Claude Sonnet 5.5",
        line="sonnet",
        min_cacheable=1024,
        thinking=_ALWAYS,
    )
    opus = FakeModel(
        id="claude-opus-5-5", display_name="Claude Opus 5.5", line="opus", thinking=_ALWAYS
    )
    fable = replace(opus, id="claude-fable-5-1", display_name="Claude Fable 5.1", line="fable")
    old = FakeModel(
        id="claude-haiku-4-5",
        display_name="Claude Haiku 4.5",
        created_at="2025-10-01T00:00:00Z",
        line="haiku",
        max_input_tokens=200_000,
        max_tokens=64_000,
        min_cacheable=4096,
        thinking=_BEFORE,
        efforts=(),
        sampling=True,
    )
    ends = replace(
        old,
        id="claude-sonnet-4-5",
        display_name="Claude Sonnet 4.5",
        line="sonnet",
        lifecycle="deprecated",
        deprecated_at="2026-05-01T00:00:00Z",
        retires_at="2026-11-30T00:00:00Z",
        min_cacheable=1024,
    )
    gone = replace(
        ends,
        id="claude-sonnet-4-20250514",
        display_name="Claude Sonnet 4",
        lifecycle="retired",
        retires_at="2026-06-15T00:00:00Z",
        structured_outputs=False,
    )
    others = [
        replace(fable, id="claude-fable-5-2", display_name="Claude Fable 5.2"),
        replace(sonnet, id="claude-sonnet-5", display_name="Claude Sonnet 5"),
        replace(opus, id="claude-opus-5", display_name="Claude Opus 5"),
        replace(opus, id="claude-opus-4-8", display_name="Claude Opus 4.8"),
        replace(old, id="claude-haiku-4-5-20251001"),
        replace(ends, id="claude-sonnet-4-5-20250929"),
    ]
    return [haiku, sonnet, opus, fable, *others, old, ends, gone]


class Models:
    """The catalogue: newest first; `known` may be changed."""

    def __init__(self) -> None:
        self.known: dict[str, FakeModel] = {model.id: model for model in _all()}

    def get(self, name: object) -> FakeModel:
        """The model of this name, retired or not.

        Raises:
            ApiError: 404, there is none.
        """
        if not isinstance(name, str) or not name:
            raise Invalid("model", "Field required")
        if name not in self.known:
            raise ApiError(404, f"model: {name}")
        return self.known[name]

    def callable(self, name: object) -> FakeModel:
        """The model of this name, if it still answers.

        Raises:
            ApiError: 404, there is none, or it is retired.
        """
        model = self.get(name)
        if model.lifecycle == "retired":
            raise ApiError(404, f"model: {name}")
        return model


def page(items: list[dict[str, Any]], query: dict[str, str], default: int = 20) -> dict[str, Any]:
    """One page of a list as the API gives it: `limit`, `after_id` and `before_id` are heard."""
    try:
        limit = int(query.get("limit", default))
    except ValueError as error:
        raise Invalid("limit", "Input should be a valid integer") from error
    if not 1 <= limit <= 1000:
        raise Invalid("limit", "Input should be between 1 and 1000")
    ids = [item["id"] for item in items]
    start, stop = 0, len(items)
    if (after := query.get("after_id")) in ids:
        start = ids.index(after) + 1
    if (before := query.get("before_id")) in ids:
        stop = ids.index(before)
        start = max(start, stop - limit)
    found = items[start : min(stop, start + limit)]
    more = start > 0 if "before_id" in query else start + limit < stop
    return {
        "data": found,
        "has_more": more,
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
    }
