"""What the fake Claude refuses, because the real one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.kernel.testing.asking import HAIKU, Advice, asking, value

if TYPE_CHECKING:
    from kernel.testing.claude import FakeClaude

TEXT = {"type": "string"}


def wrapped(schema: Any, **more: Any) -> dict[str, Any]:
    return {
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"part": schema},
                    "required": ["part"],
                    "additionalProperties": False,
                    **more,
                },
            }
        }
    }


def many(count: int, node: Any) -> dict[str, Any]:
    return {f"field_{number}": node for number in range(count)}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 0}, "property 'minimum' is not supported"),
        ({"type": "string", "maxLength": 9}, "property 'maxLength' is not supported"),
        ({"type": "array", "items": TEXT, "minItems": 2}, "'minItems' values other than 0 or 1"),
        ({"type": "array", "items": TEXT, "maxItems": 2}, "property 'maxItems'"),
        ({"type": "string", "format": "phone"}, "'format' 'phone' is not supported"),
        ({"type": "string", "pattern": "(?=a)b"}, "lookaround"),
        ({"type": "object", "properties": {}}, "'additionalProperties' must be explicitly"),
        ({"oneOf": [TEXT]}, "must have a 'type'"),
        ({"$ref": "https://example.com/a.json"}, "External '$ref'"),
        ({"$ref": "#/$defs/none"}, "names nothing"),
        ({"enum": [{"a": 1}]}, "'enum' holds"),
        ({"type": "date"}, "Type 'date'"),
    ],
)
async def test_schemas_that_are_refused(client: AsyncAnthropic, schema: Any, said: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as failed:
        await client.messages.create(**asking("a customer") | wrapped(schema))
    assert said in str(failed.value) and "output_config.format.schema" in str(failed.value)


async def test_recursion_is_refused(client: AsyncAnthropic) -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        "required": ["children"],
        "additionalProperties": False,
    }
    with pytest.raises(anthropic.BadRequestError, match="Circular reference"):
        await client.messages.create(
            **asking("a tree") | wrapped({"$ref": "#/$defs/tree"}, **{"$defs": {"tree": tree}})
        )


@pytest.mark.parametrize(("count", "taken"), [(24, True), (25, False)])
async def test_optional_parameters_are_counted(
    client: AsyncAnthropic, count: int, taken: bool
) -> None:
    told = asking("a customer") | wrapped(TEXT, properties=many(count, TEXT), required=[])
    if taken:
        assert isinstance(value(await client.messages.create(**told)), dict)
    else:
        with pytest.raises(anthropic.BadRequestError, match="25 optional parameters"):
            await client.messages.create(**told)


@pytest.mark.parametrize(("count", "taken"), [(16, True), (17, False)])
async def test_unions_are_counted(client: AsyncAnthropic, count: int, taken: bool) -> None:
    fields = many(count, {"anyOf": [TEXT, {"type": "null"}]})
    told = asking("a customer") | wrapped(TEXT, properties=fields, required=list(fields))
    if taken:
        assert len(value(await client.messages.create(**told))) == count
    else:
        with pytest.raises(anthropic.BadRequestError, match="17 parameters with union types"):
            await client.messages.create(**told)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"extra_body": {"temperature": 0}}, "`temperature` is not supported"),
        ({"extra_body": {"top_k": 5}}, "`top_k` is not supported"),
        ({"extra_body": {"output_format": {}}}, "output_format: Extra inputs"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater"),
        ({"max_tokens": 200_000, "timeout": 5}, "maximum allowed number of output tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "user", "content": " "}]}, "must be non-empty"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "first message must use"),
        (
            {
                "messages": [
                    {"role": "user", "content": "JSON please"},
                    {"role": "assistant", "content": "{"},
                ]
            },
            "does not support assistant message prefill",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type.enabled"),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
            "cannot be off at effort",
        ),
        ({"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}}, "between_tools"),
        ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json"}}}, "output_config.format.type"),
        ({"metadata": {"email": "a@b.c"}}, "metadata"),
        (
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5},
            "A maximum of 4 blocks",
        ),
        (
            {
                "system": [
                    {
                        "type": "text",
                        "text": "x",
                        "cache_control": {"type": "ephemeral", "ttl": "2h"},
                    }
                ]
            },
            "system.0.cache_control.ttl",
        ),
    ],
)
async def test_parameters_that_are_refused(
    client: AsyncAnthropic, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as failed:
        await client.messages.create(**asking("a customer") | more)
    assert said in str(failed.value) and failed.value.type == "invalid_request_error"


async def test_models_that_do_not_answer(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.model("claude-opus-5-5", lifecycle="retired")
    for name in ("claude-wonder-9", "claude-opus-5-5"):
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.create(**asking("a customer", model=Advice) | {"model": name})
    fake_claude.model(HAIKU, structured_outputs=False)
    with pytest.raises(anthropic.BadRequestError, match="does not support output format"):
        await client.messages.create(**asking("a customer"))


async def test_keys(fake_claude: FakeClaude) -> None:
    async with AsyncAnthropic(api_key="wrong", base_url=fake_claude.base_url) as other:
        with pytest.raises(anthropic.AuthenticationError):
            await other.messages.create(**asking("a customer"))
        assert fake_claude.record.count() == 1
        headers = {"x-api-key": fake_claude.api_key, "Authorization": ""}
        assert value(await other.messages.create(**asking("a customer"), extra_headers=headers))


async def test_paths_and_bodies_that_are_none(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await client.get("/v1/poems", cast_to=object)
    with pytest.raises(anthropic.APIStatusError) as failed:
        await client.get("/v1/messages", cast_to=object)
    assert failed.value.status_code == 405
    with pytest.raises(anthropic.BadRequestError, match="not valid JSON"):
        await client.post("/v1/messages", cast_to=object, content=b"{")
    assert not fake_claude.asked


async def test_bodies_that_are_too_large(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    with pytest.raises(anthropic.ContentTooLargeError):
        await client.messages.create(**asking("x" * 32_000_000))
    assert not fake_claude.asked
    assert value(await client.messages.create(**asking("a customer")))
