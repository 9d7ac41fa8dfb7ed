"""Message Batches of the fake Claude, as the real client meets them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
import pytest_asyncio

from kernel.testing.claude import FakeClaude
from kernel.testing.clock import TurnedClock
from tests.kernel.testing.asking import Advice, asking, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anthropic import AsyncAnthropic
    from anthropic.types.messages import MessageBatchIndividualResponse


def rows(count: int) -> list[Any]:
    return [
        {"custom_id": f"row-{number}", "params": asking(f"customer {number}")}
        for number in range(count)
    ]


async def results(client: AsyncAnthropic, name: str) -> list[MessageBatchIndividualResponse]:
    return [row async for row in await client.messages.batches.results(name)]


async def test_created_polled_and_read(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.batches.polls = 3
    batch = await client.messages.batches.create(requests=rows(30))
    assert batch.processing_status == "in_progress" and batch.request_counts.processing == 30
    assert batch.expires_at - batch.created_at == timedelta(hours=24)
    seen = [await client.messages.batches.retrieve(batch.id) for _ in range(3)]
    assert [one.processing_status for one in seen] == ["in_progress", "in_progress", "ended"]
    assert seen[1].results_url is None and seen[2].ended_at
    assert seen[2].request_counts.succeeded == 30 and seen[2].request_counts.processing == 0
    found = await results(client, batch.id)
    names = [row.custom_id for row in found]
    assert sorted(names) == sorted(row["custom_id"] for row in rows(30)) and names != sorted(names)
    for row in found:
        assert row.result.type == "succeeded"
        Advice.model_validate(value(row.result.message))
        assert row.result.message.usage.service_tier == "batch"
    assert await results(client, batch.id) == found


async def test_a_row_is_answered_as_it_would_be_directly(client: AsyncAnthropic) -> None:
    direct = await client.messages.create(**asking("customer 0"))
    batch = await client.messages.batches.create(requests=rows(1))
    (row,) = await results(client, batch.id)
    assert row.result.type == "succeeded"
    assert value(row.result.message) == value(direct)


async def test_rows_fail_one_by_one(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail("expired", when=lambda asked: asked.custom_id == "row-1")
    fake_claude.fail("overloaded", when=lambda asked: asked.custom_id == "row-2")
    fake_claude.fail("truncated", when=lambda asked: asked.custom_id == "row-3")
    wrong = rows(6)
    wrong[4]["params"]["temperature"] = 0.2
    batch = await client.messages.batches.create(requests=wrong)
    found = {row.custom_id: row.result for row in await results(client, batch.id)}
    kinds = [found[f"row-{number}"].type for number in range(6)]
    assert kinds == ["succeeded", "expired", "errored", "succeeded", "errored", "succeeded"]
    errors = [found[f"row-{number}"] for number in (2, 4)]
    assert [one.error.error.type for one in errors if one.type == "errored"] == [
        "overloaded_error",
        "invalid_request_error",
    ]
    cut = found["row-3"]
    assert cut.type == "succeeded" and cut.message.stop_reason == "max_tokens"
    counts = (await client.messages.batches.retrieve(batch.id)).request_counts
    assert (counts.succeeded, counts.errored, counts.expired) == (3, 2, 1)


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "at least 1 item"),
        ([{**rows(1)[0], "custom_id": "a b"}], "should match pattern"),
        ([{**rows(1)[0], "custom_id": "x" * 65}], "should match pattern"),
        (rows(1) * 2, "must be unique"),
        ([{"custom_id": "row-1"}], "params"),
    ],
)
async def test_batches_that_are_refused(
    client: AsyncAnthropic, fake_claude: FakeClaude, requests: Any, said: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=said):
        await client.messages.batches.create(requests=requests)
    assert not fake_claude.batches.known and not fake_claude.asked


async def test_canceled_with_some_done(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.batches.polls = 100
    batch = await client.messages.batches.create(requests=rows(40))
    fake_claude.batches.known[batch.id].done = 0.5
    canceling = await client.messages.batches.cancel(batch.id)
    assert canceling.processing_status == "canceling" and canceling.cancel_initiated_at
    counts = (await client.messages.batches.retrieve(batch.id)).request_counts
    assert counts.canceled + counts.succeeded == 40 and counts.canceled and counts.succeeded
    kinds = [row.result.type for row in await results(client, batch.id)]
    assert kinds.count("canceled") == counts.canceled
    answered = [asked for asked in fake_claude.asked if asked.outcome == "answered"]
    assert len(answered) == counts.succeeded
    with pytest.raises(anthropic.BadRequestError, match="it has ended"):
        await client.messages.batches.cancel(batch.id)


async def test_expired_by_the_test(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.batches.polls = 100
    batch = await client.messages.batches.create(requests=rows(5))
    fake_claude.batches.expire(batch.id)
    ended = await client.messages.batches.retrieve(batch.id)
    assert ended.processing_status == "ended" and ended.request_counts.expired == 5


@pytest_asyncio.fixture
async def turned() -> AsyncIterator[tuple[FakeClaude, TurnedClock]]:
    clock = TurnedClock()
    async with FakeClaude(now=clock.now) as fake:
        yield fake, clock


async def test_expired_by_the_clock(turned: tuple[FakeClaude, TurnedClock]) -> None:
    fake, clock = turned
    fake.batches.polls = 100
    async with anthropic.AsyncAnthropic(api_key=fake.api_key, base_url=fake.base_url) as client:
        batch = await client.messages.batches.create(requests=rows(5))
        assert batch.created_at == clock.at
        clock.turn(hours=23)
        batch = await client.messages.batches.retrieve(batch.id)
        assert batch.processing_status == "in_progress"
        clock.turn(hours=1)
        batch = await client.messages.batches.retrieve(batch.id)
        assert batch.ended_at == clock.at and batch.request_counts.expired == 5


async def test_not_before_some_seconds(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.batches.seconds = 3600
    batch = await client.messages.batches.create(requests=rows(1))
    with pytest.raises(anthropic.AnthropicError, match="in_progress"):
        await client.messages.batches.results(batch.id)
    with pytest.raises(anthropic.NotFoundError):
        await client.get(f"/v1/messages/batches/{batch.id}/results", cast_to=object)
    fake_claude.batches.seconds = 0
    assert len(await results(client, batch.id)) == 1


async def test_listed_newest_first_in_pages(client: AsyncAnthropic) -> None:
    made = [(await client.messages.batches.create(requests=rows(1))).id for _ in range(5)]
    assert [batch.id async for batch in client.messages.batches.list(limit=2)] == made[::-1]
    page = await client.messages.batches.list(limit=2)
    assert [batch.id for batch in page.data] == made[:2:-1] and page.has_more


async def test_the_queue_is_full(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.batches.queue = 5
    first = await client.messages.batches.create(requests=rows(3))
    with pytest.raises(anthropic.RateLimitError):
        await client.messages.batches.create(requests=rows(3))
    await results(client, first.id)
    assert await client.messages.batches.create(requests=rows(3))


async def test_deleted_when_ended(client: AsyncAnthropic) -> None:
    batch = await client.messages.batches.create(requests=rows(1))
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.batches.delete(batch.id)
    await results(client, batch.id)
    assert (await client.messages.batches.delete(batch.id)).id == batch.id
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve(batch.id)


async def test_a_lost_answer_makes_two(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    fake_claude.fail("drop_after", on="batch_create")
    batch = await client.with_options(max_retries=1).messages.batches.create(requests=rows(3))
    known = [one.id async for one in client.messages.batches.list()]
    assert len(known) == 2 and known[0] == batch.id
    for name in known:
        await results(client, name)
    twice = fake_claude.record.asked_twice()
    assert {asked.custom_id for asked in twice} == {"row-0", "row-1", "row-2"}
    assert {asked.batch_id for asked in twice} == {batch.id}


async def test_the_results_break_off(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    batch = await client.messages.batches.create(requests=rows(3))
    fake_claude.fail("drop_midway", on="batch_results")
    with pytest.raises(Exception, match=r"(?i)incomplete|peer closed|connection"):
        await results(client, batch.id)
    assert len(await results(client, batch.id)) == 3


async def test_a_hundred_thousand_rows_hold_nobody_up(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    fake_claude.batches.polls = 1000
    body = b'{"requests":[%s]}' % b",".join(
        b'{"custom_id":"c%d","params":{"model":"claude-haiku-5-5","max_tokens":9,"messages":'
        b'[{"role":"user","content":"%d"}]}}' % (number, number)
        for number in range(100_000)
    )
    made: dict[str, Any] = await client.post(
        "/v1/messages/batches", content=body, cast_to=dict[str, Any]
    )
    assert made["request_counts"]["processing"] == 100_000
    assert value(await client.messages.create(**asking("a customer")))
    batch = fake_claude.batches.known[made["id"]]
    assert batch.work and not batch.work.done()
    one_more = body[:-2] + b',{"custom_id":"one-more","params":{}}]}'
    with pytest.raises(anthropic.ContentTooLargeError):
        await client.post("/v1/messages/batches", content=one_more, cast_to=object)
