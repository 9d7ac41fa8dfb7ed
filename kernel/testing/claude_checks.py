"""What the Messages API refuses: parameters it does not know or no longer takes, and shapes that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kernel.testing.claude_errors import Invalid
from kernel.testing.claude_models import FakeModel, Models
from kernel.testing.claude_schema import check_schema

_COUNTED = {
    *("messages", "model", "cache_control", "output_config", "speed", "system", "thinking"),
    *("tool_choice", "tools"),
}
_KNOWN = _COUNTED | {
    *("max_tokens", "container", "diagnostics", "inference_geo", "metadata", "service_tier"),
    *("stop_sequences", "stream"),
}
_SAMPLING = {"temperature": 1, "top_p": None, "top_k": None}
_BLOCKS = {"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"}
_MAX_BREAKPOINTS = 4
_MAX_STRICT_TOOLS = 20
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def check_message(params: Any, models: Models, *, batched: bool = False) -> FakeModel:
    """The model that shall answer, when the API would take these parameters of POST /v1/messages.

    Raises:
        ApiError: 400 or 404, with the path of what is wrong.
    """
    model = check_prompt(params, models, _KNOWN)
    limit = params.get("max_tokens")
    if limit is None:
        raise Invalid("max_tokens", "Field required")
    if not _integer(limit) or limit < (1 if batched else 0):
        raise Invalid("max_tokens", f"Input should be greater than or equal to {int(batched)}")
    if limit > model.max_tokens:
        raise Invalid(
            "max_tokens",
            f"{limit} > {model.max_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.id}",
        )
    if batched and params.get("stream"):
        raise Invalid("stream", "not allowed in batches")
    if batched and params.get("speed"):
        raise Invalid("speed", "not allowed in batches")
    if batched and not model.batch:
        raise Invalid("model", f"{model.id} does not support the Message Batches API")
    _sampling(params, model)
    _metadata(params.get("metadata"))
    return model


def check_prompt(params: Any, models: Models, known: set[str] = _COUNTED) -> FakeModel:
    """The same for what counting tokens needs.

    Raises:
        ApiError: 400 or 404, with the path of what is wrong.
    """
    if not isinstance(params, dict):
        raise Invalid("", "The request body is not a JSON object")
    model = models.callable(params.get("model"))
    if odd := sorted(params.keys() - known - _SAMPLING.keys()):
        raise Invalid(odd[0], "Extra inputs are not permitted")
    _messages(params.get("messages"), model)
    _system(params.get("system", []))
    _thinking(params.get("thinking"), model, params)
    _output(params.get("output_config"), model)
    _tools(params.get("tools") or [], params.get("tool_choice"))
    marked = sum("cache_control" in block for _, block in blocks(params))
    if marked + ("cache_control" in params) > _MAX_BREAKPOINTS:
        raise Invalid(
            "", f"A maximum of {_MAX_BREAKPOINTS} blocks with cache_control may be provided."
        )
    for where, block in blocks(params):
        _cache_control(block.get("cache_control"), where)
    _cache_control(params.get("cache_control"), "")
    return model


def blocks(params: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block of the prompt with its path, in the order of the cache: tools, system, messages."""
    for index, tool in enumerate(params.get("tools") or ()):
        yield f"tools.{index}", tool
    for place, content in [
        ("system", params.get("system") or ()),
        *(
            (f"messages.{index}.content", message["content"])
            for index, message in enumerate(params["messages"])
        ),
    ]:
        if isinstance(content, str):
            yield place, {"type": "text", "text": content}
        else:
            yield from ((f"{place}.{index}", block) for index, block in enumerate(content))


def _integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _messages(messages: Any, model: FakeModel) -> None:
    if not isinstance(messages, list):
        raise Invalid(
            "messages", "Field required" if messages is None else "Input should be a list"
        )
    if not messages:
        raise Invalid("messages", "at least one message is required")
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            raise Invalid(where, "Input should be an object")
        if odd := sorted(message.keys() - {"role", "content"}):
            raise Invalid(f"{where}.{odd[0]}", "Extra inputs are not permitted")
        if message.get("role") not in ("user", "assistant"):
            raise Invalid(where, "Unexpected role. Allowed roles are 'user' or 'assistant'.")
        _content(message.get("content"), f"{where}.content")
    if messages[0]["role"] != "user":
        raise Invalid("messages", "first message must use the 'user' role")
    if messages[-1]["role"] == "assistant" and not model.sampling:
        raise Invalid(
            "", "This model does not support assistant message prefill. The conversation must end "
            "with a user message.",
        )  # fmt: skip


def _content(content: Any, where: str) -> None:
    if isinstance(content, str):
        if not content.strip():
            raise Invalid(where, "text content blocks must be non-empty")
        return
    if not isinstance(content, list) or not content:
        raise Invalid(where, "Input should be a string or a list of content blocks")
    for index, block in enumerate(content):
        if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
            raise Invalid(f"{where}.{index}", "Input tag does not match any of the expected tags")
        if block["type"] == "text":
            _text(block, f"{where}.{index}")


def _text(block: dict[str, Any], where: str) -> None:
    if not isinstance(block.get("text"), str):
        raise Invalid(f"{where}.text", "Field required")
    if not block["text"].strip():
        raise Invalid(where, "text content blocks must be non-empty")
    if odd := sorted(block.keys() - {"type", "text", "cache_control", "citations"}):
        raise Invalid(f"{where}.{odd[0]}", "Extra inputs are not permitted")


def _system(system: Any) -> None:
    if isinstance(system, str):
        return
    if not isinstance(system, list):
        raise Invalid("system", "Input should be a string or a list of text blocks")
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise Invalid(f"system.{index}.type", "Input should be 'text'")
        _text(block, f"system.{index}")


def _cache_control(control: Any, where: str) -> None:
    if control is None:
        return
    place = f"{where}.cache_control".lstrip(".")
    if not isinstance(control, dict) or control.get("type") != "ephemeral":
        raise Invalid(f"{place}.type", "Input should be 'ephemeral'")
    if control.get("ttl", "5m") not in ("5m", "1h"):
        raise Invalid(f"{place}.ttl", "Input should be '5m' or '1h'")


def _thinking(thinking: Any, model: FakeModel, params: dict[str, Any]) -> None:
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        raise Invalid("thinking", "Input tag does not match any of the expected tags")
    if kind not in model.thinking:
        allowed = ", ".join(f'"{name}"' for name in model.thinking)
        raise Invalid(
            f"thinking.type.{kind}",
            f'"thinking.type.{kind}" is not supported for this model. Use one of {allowed}.',
        )
    effort = (params.get("output_config") or {}).get("effort")
    if kind in ("disabled", "between_tools") and effort in ("xhigh", "max"):
        raise Invalid("thinking", f"thinking cannot be off at effort '{effort}'")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not _integer(budget) or budget < 1024:
            raise Invalid("thinking.enabled.budget_tokens", "Input should be at least 1024")
        if "max_tokens" in params and budget >= params["max_tokens"]:
            raise Invalid("", "`max_tokens` must be greater than `thinking.budget_tokens`.")


def _output(config: Any, model: FakeModel) -> None:
    if config is None:
        return
    if not isinstance(config, dict):
        raise Invalid("output_config", "Input should be an object")
    if odd := sorted(config.keys() - {"effort", "format"}):
        raise Invalid(f"output_config.{odd[0]}", "Extra inputs are not permitted")
    effort = config.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise Invalid(
            "output_config.effort", "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"
        )
    if effort is not None and effort not in model.efforts:
        raise Invalid("output_config.effort", f"This model does not support effort '{effort}'.")
    form = config.get("format")
    if form is None:
        return
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        raise Invalid("output_config.format.type", "Input should be 'json_schema'")
    if odd := sorted(form.keys() - {"type", "schema"}):
        raise Invalid(f"output_config.format.{odd[0]}", "Extra inputs are not permitted")
    if not model.structured_outputs:
        raise Invalid("output_config.format", f"'{model.id}' does not support output format.")
    check_schema(form.get("schema"))


def _tools(tools: Any, choice: Any) -> None:
    names = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise Invalid(f"tools.{index}.name", "Field required")
        if tool.get("strict"):
            check_schema(tool.get("input_schema"), f"tools.{index}.input_schema")
        names.append(tool["name"])
    if sum(bool(tool.get("strict")) for tool in tools) > _MAX_STRICT_TOOLS:
        raise Invalid("tools", f"at most {_MAX_STRICT_TOOLS} tools may be strict")
    if choice and choice.get("type") == "tool" and choice.get("name") not in names:
        raise Invalid("tool_choice", f"Tool '{choice.get('name')}' not found in provided tools")


def _sampling(params: dict[str, Any], model: FakeModel) -> None:
    for name, default in _SAMPLING.items():
        if name in params and params[name] != default and not model.sampling:
            raise Invalid("", f"`{name}` is not supported for this model. Remove it.")


def _metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or metadata.keys() - {"user_id"}:
        raise Invalid("metadata", "Extra inputs are not permitted")
    user = metadata.get("user_id")
    if user is not None and (not isinstance(user, str) or len(user) > 256):
        raise Invalid("metadata.user_id", "String should have at most 256 characters")
