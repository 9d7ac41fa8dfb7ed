"""Models, tokens, cache and limits of the fake Claude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from kernel.testing.claude_errors import ApiError
from kernel.testing.claude_limits import Limits
from kernel.testing.claude_models import Models
from kernel.testing.claude_usage import PromptCache, measure
from kernel.testing.clock import TurnedClock
from tests.kernel.testing.asking import HAIKU, Advice, asking, value

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from kernel.testing.claude import FakeClaude

LONG = "A rule of this shop that everybody keeps. " * 80


def marked(text: str, ttl: str = "1h") -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


async def test_models_tell_what_they_can(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    model = await client.models.retrieve(HAIKU)
    assert model.lifecycle == "active" and model.retires_at is None
    assert model.capabilities and model.capabilities.structured_outputs.supported
    assert model.capabilities.batch.supported
    fake_claude.model(
        HAIKU, lifecycle="deprecated", retires_at="2026-12-24T00:00:00Z", structured_outputs=False
    )
    changed = await client.models.retrieve(HAIKU)
    assert changed.lifecycle == "deprecated" and changed.retires_at and changed.capabilities
    assert not changed.capabilities.structured_outputs.supported
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-wonder-9")


async def test_models_are_listed_in_pages(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.model("claude-wonder-9")
    names = [model.id async for model in client.models.list(limit=5)]
    assert len(names) == len(set(names)) > 10
    assert {"claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-wonder-9"} <= {
        *names
    }


async def test_tokens_are_counted_as_they_are_charged(client: AsyncAnthropic) -> None:
    told = asking("Größe and other customers", system=LONG)
    answer = await client.messages.create(**told)
    del told["max_tokens"]
    counted = await client.messages.count_tokens(**told)
    assert counted.input_tokens == answer.usage.input_tokens > 1000
    with_model = await client.messages.count_tokens(
        model=HAIKU,
        messages=told["messages"],
        system=LONG,
        output_format=Advice,
    )
    assert with_model.input_tokens == counted.input_tokens


async def test_a_marked_prefix_is_written_once_and_read_after(client: AsyncAnthropic) -> None:
    async def usage(about: str, system: str = LONG, **more: Any) -> tuple[int, int, int]:
        told = asking(about, system=[marked(system)]) | more
        used = (await client.messages.create(**told)).usage
        assert used.cache_creation
        assert used.cache_creation.ephemeral_1h_input_tokens == used.cache_creation_input_tokens
        return (
            used.input_tokens,
            used.cache_creation_input_tokens or 0,
            used.cache_read_input_tokens or 0,
        )

    rest, written, read = await usage("customer 1")
    assert written > 512 and read == 0
    assert await usage("customer 2") == (rest, 0, written)
    # Another system prompt, schema or model is another prefix; a short one is not cached at all.
    assert (await usage("customer 3", system=LONG + "!"))[2] == 0
    assert (await usage("customer 3", output_config={"effort": "low"}))[2] == 0
    assert (await usage("customer 3", model="claude-opus-5-5"))[2] == 0
    assert (await usage("customer 3", system="short"))[1:] == (0, 0)


def test_the_cache_forgets() -> None:
    at = [0.0]
    cache = PromptCache(lambda: at[0])
    model = Models().get(HAIKU)
    prompt = measure(asking("a customer", system=[marked(LONG, "5m"), marked(LONG, "1h")]), model)
    first = cache.use(prompt, model)
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] > 0
    assert first["cache_creation"]["ephemeral_1h_input_tokens"] > 0
    assert cache.use(prompt, model)["cache_creation_input_tokens"] == 0
    at[0] = 600
    assert cache.use(prompt, model)["cache_creation_input_tokens"] == 0
    at[0] = 4300
    again = cache.use(prompt, model)
    assert again["cache_read_input_tokens"] == 0
    assert again["cache_creation_input_tokens"] == first["cache_creation_input_tokens"]


def test_an_empty_bucket_fills_again() -> None:
    at = [0.0]
    limits = Limits(TurnedClock().now, lambda: at[0])
    limits.set(requests=2, input_tokens=1000, output_tokens=1000)
    usage = {"output_tokens": 10, "cache_read_input_tokens": 100}
    for left in ("1", "0"):
        assert limits.take(100, 400)["anthropic-ratelimit-requests-remaining"] == left
        limits.settle(400, usage)
    with pytest.raises(ApiError) as refused:
        limits.take(100, 400)
    assert refused.value.status == 429 and refused.value.headers["retry-after"] == "30"
    at[0] = 30
    headers = limits.take(900, 100)
    assert headers["anthropic-ratelimit-output-tokens-remaining"] == "900"
    at[0] = 60
    with pytest.raises(ApiError, match="input tokens per minute"):
        limits.take(900, 100)


async def test_limits_are_enforced_and_told(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    fake_claude.limit(requests=3)
    for _ in range(3):
        assert value(await client.messages.create(**asking("a customer")))
    with pytest.raises(anthropic.RateLimitError) as refused:
        await client.messages.create(**asking("a customer"))
    headers = refused.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 20
    assert headers["anthropic-ratelimit-requests-limit"] == "3"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert fake_claude.asked[-1].outcome == "refused"
