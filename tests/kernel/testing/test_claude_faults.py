"""Every fault of the fake Claude, as the real client meets it."""

from __future__ import annotations

import asyncio
import json

import anthropic
import pydantic
import pytest
from anthropic import AsyncAnthropic

from kernel.testing.claude import ApiError, Asked, FakeClaude
from kernel.testing.claude_faults import KINDS
from tests.kernel.testing.asking import Advice, asking, value


async def test_refused_until_recovered(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    url = fake_claude.base_url
    await client.messages.create(**asking("before"))
    fake_claude.fail("refused")
    for _ in range(3):
        with pytest.raises(anthropic.APIConnectionError) as failed:
            await client.messages.create(**asking("in between"))
        assert not isinstance(failed.value, anthropic.APITimeoutError)
    fake_claude.recover()
    assert value(await client.messages.create(**asking("after")))
    assert fake_claude.base_url == url
    assert [asked.prompt for asked in fake_claude.asked] == ["before", "after"]


@pytest.mark.parametrize(("kind", "answered"), [("drop", 0), ("drop_after", 1), ("drop_midway", 1)])
async def test_cut_connections(
    client: AsyncAnthropic, fake_claude: FakeClaude, kind: str, answered: int
) -> None:
    fake_claude.fail(kind)
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.create(**asking("a customer"))
    assert sum(asked.outcome == "answered" for asked in fake_claude.asked) == answered
    assert value(await client.messages.create(**asking("a customer")))
    assert len(fake_claude.record.asked_twice()) == answered


async def test_stalled_until_the_client_gives_up(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    fake_claude.fail("stall")
    with pytest.raises(anthropic.APITimeoutError):
        await client.with_options(timeout=0.05).messages.create(**asking("a customer"))
    assert not fake_claude.asked and fake_claude.requests[0].fault == "stall"


@pytest.mark.parametrize("kind", ["slow", "drip"])
async def test_slow_answers_come(
    client: AsyncAnthropic, fake_claude: FakeClaude, kind: str
) -> None:
    fake_claude.fail(kind, seconds=0.1)
    assert value(await client.messages.create(**asking("a customer")))
    fake_claude.fail(kind, seconds=60)
    with pytest.raises(anthropic.APITimeoutError):
        await client.with_options(timeout=0.05).messages.create(**asking("a customer"))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.PaymentRequiredError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (413, anthropic.ContentTooLargeError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
async def test_statuses(
    client: AsyncAnthropic,
    fake_claude: FakeClaude,
    status: int,
    error: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    fake_claude.fail(status, retry_after=7 if status == 429 else None)
    with pytest.raises(error) as failed:
        await client.messages.create(**asking("a customer"))
    assert failed.value.status_code == status and failed.value.type == kind
    assert failed.value.request_id == fake_claude.requests[0].request_id
    assert failed.value.response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert value(await client.messages.create(**asking("a customer")))


async def test_the_client_tries_429_again(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail(429, 2, retry_after=0.01)
    assert value(await client.with_options(max_retries=2).messages.create(**asking("a customer")))
    assert [seen.status for seen in fake_claude.requests] == [429, 429, 200]
    assert [seen.attempt for seen in fake_claude.requests] == [0, 1, 2]
    assert not fake_claude.record.asked_twice()


async def test_a_proxy_answers_in_html(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail("html")
    with pytest.raises(anthropic.InternalServerError) as failed:
        await client.messages.create(**asking("a customer"))
    assert failed.value.status_code == 502 and failed.value.type is None


@pytest.mark.parametrize(
    ("kind", "reason", "blocks"),
    [
        ("truncated", "max_tokens", ["text"]),
        ("schema", "end_turn", ["text"]),
        ("enum_case", "end_turn", ["text"]),
        ("refusal", "refusal", []),
        ("refusal_text", "refusal", ["text"]),
        ("empty", "end_turn", []),
        ("blank", "end_turn", ["text"]),
        ("garbage", "end_turn", ["text"]),
        ("paused", "pause_turn", []),
    ],
)
async def test_spoiled_answers(
    client: AsyncAnthropic, fake_claude: FakeClaude, kind: str, reason: str, blocks: list[str]
) -> None:
    fake_claude.thinks = False
    fake_claude.fail(kind)
    answer = await client.messages.create(**asking("a customer"))
    assert answer.stop_reason == reason
    assert [block.type for block in answer.content] == blocks
    if blocks:
        with pytest.raises((json.JSONDecodeError, pydantic.ValidationError)):
            Advice.model_validate(value(answer))
    if kind in ("schema", "enum_case"):
        assert isinstance(value(answer), dict)
    assert fake_claude.asked[0].outcome == kind
    Advice.model_validate(value(await client.messages.create(**asking("a customer"))))


async def test_by_share_the_same_requests_fail_each_time(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    async def refused() -> set[int]:
        fake_claude.record.clear()
        fake_claude.fail("refusal", share=0.3)
        answers = [await client.messages.create(**asking(f"customer {i}")) for i in range(60)]
        fake_claude.recover()
        return {i for i, answer in enumerate(answers) if answer.stop_reason == "refusal"}

    first = await refused()
    assert first == await refused() and 5 < len(first) < 35


async def test_a_test_picks_who_fails(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail("500", when=lambda seen: "vip" in seen.text)
    fake_claude.fail("empty", when=lambda asked: "guest" in asked.prompt)
    assert (await client.messages.create(**asking("somebody"))).content
    assert not (await client.messages.create(**asking("a guest"))).content
    for _ in range(2):
        with pytest.raises(anthropic.InternalServerError):
            await client.messages.create(**asking("a vip"))


async def test_an_answer_function_may_refuse(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    def answer(asked: Asked) -> str:
        raise ApiError(529, "Overloaded")

    fake_claude.answer(answer)
    with pytest.raises(anthropic.OverloadedError):
        await client.messages.create(**asking("a customer"))


async def test_what_a_tests_function_raises_is_raised_at_the_end() -> None:
    def answer(asked: Asked) -> str:
        assert asked.prompt == "something else"
        return ""

    async def ask() -> None:
        async with FakeClaude() as fake:
            fake.answer(answer)
            url, key = fake.base_url, fake.api_key
            async with AsyncAnthropic(api_key=key, base_url=url, max_retries=0) as client:
                with pytest.raises(anthropic.InternalServerError, match="AssertionError"):
                    await client.messages.create(**asking("a customer"))

    with pytest.raises(AssertionError, match="something else"):
        await ask()


def test_in_a_thread_of_its_own() -> None:
    with FakeClaude.in_thread() as fake:
        client = anthropic.Anthropic(api_key=fake.api_key, base_url=fake.base_url, max_retries=0)
        assert value(client.messages.create(**asking("a customer")))
        fake.fail("refused")
        with pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**asking("a customer"))
        fake.recover()
        assert value(client.messages.create(**asking("a customer")))
        batch = client.messages.batches.create(requests=[{"custom_id": "a", "params": asking("x")}])
        assert len(list(client.messages.batches.results(batch.id))) == 1
        assert fake.record.count() == 2
        client.close()


def test_a_port_that_is_taken_is_told() -> None:
    with FakeClaude.in_thread() as fake, pytest.raises(OSError, match="in use"):
        with FakeClaude.in_thread(port=int(fake.base_url.rsplit(":", 1)[1])):
            pass


async def test_faults_of_other_operations(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail(500, on="models")
    assert value(await client.messages.create(**asking("a customer")))
    with pytest.raises(anthropic.InternalServerError):
        await client.models.retrieve("claude-haiku-5-5")
    fake_claude.fail(529, 2, on="any")
    with pytest.raises(anthropic.OverloadedError):
        await client.models.retrieve("claude-haiku-5-5")
    with pytest.raises(anthropic.OverloadedError):
        await client.messages.create(**asking("a customer"))


def test_unknown_faults_are_told(fake_claude: FakeClaude) -> None:
    with pytest.raises(ValueError, match="no fault 'fire'; there are refused"):
        fake_claude.fail("fire")
    with pytest.raises(ValueError, match="no operation"):
        fake_claude.fail("500", on="letters")
    assert len(set(KINDS)) == len(KINDS)


async def test_concurrency_is_seen(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.latency = 0.05
    await asyncio.gather(*(client.messages.create(**asking(f"{i}")) for i in range(6)))
    assert 1 < fake_claude.record.peak <= 6


async def test_a_client_that_hangs_up_is_no_error(fake_claude: FakeClaude) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fake_claude.base_url[-5:]))
    writer.write(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert not fake_claude.requests
