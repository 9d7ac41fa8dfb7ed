"""Messages of the fake Claude, as the real client meets them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import anthropic
import httpx2
import pydantic
import pytest

from kernel.testing.claude import Asked
from tests.kernel.testing.asking import HAIKU, Advice, asking, value

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from kernel.testing.claude import FakeClaude


class Copy(pydantic.BaseModel):
    subject: str = pydantic.Field(max_length=60)
    preheader: str
    heading: str
    body: str
    button: str = pydantic.Field(max_length=12)


async def test_parse_gets_its_model(client: AsyncAnthropic) -> None:
    answer = await client.messages.parse(
        model=HAIKU,
        max_tokens=1024,
        messages=[{"role": "user", "content": "a customer"}],
        output_format=Advice,
        output_config={"effort": "low"},
    )
    assert isinstance(answer.parsed_output, Advice)
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


async def test_the_same_prompt_gets_the_same_answer(client: AsyncAnthropic) -> None:
    one = await client.messages.create(**asking("a customer"))
    two = await client.messages.create(**asking("a customer"))
    other = await client.messages.create(**asking("another customer"))
    assert value(one) == value(two) != value(other)
    assert one.id != two.id


async def test_decisions_are_spread_and_make_sense(client: AsyncAnthropic) -> None:
    made = [value(await client.messages.create(**asking(f"customer {i}"))) for i in range(80)]
    assert {row["action"] for row in made} == {"send", "skip", "wait"}
    assert Counter(row["action"] for row in made).most_common(1)[0][0] == "send"
    assert len({row["tone"] for row in made}) == 4 and len({row["offer"] for row in made}) == 3
    for row in made:
        Advice.model_validate(row)
        assert row["offer"] == "none" or row["action"] != "skip"
        assert row["tone"] != "urgent" or row["offer"] != "none"
        assert (row["wait_hours"] > 0) == (row["action"] == "wait")


async def test_copy_uses_slots_and_neither_digits_nor_links(client: AsyncAnthropic) -> None:
    prompt = "Slots: {{ first_name }}, {{ product_title }}, {{ offer_code }}."
    for number in range(12):
        text = value(await client.messages.create(**asking(f"{prompt} {'x' * number}", Copy)))
        Copy.model_validate(text)
        assert "{{ first_name }}" in text["body"] and "{{ product_title }}" in text["body"]
        assert not re.search(r"\d|https?:|www\.", " ".join(text.values()))
    plain = value(await client.messages.create(**asking("No slots here.", Copy)))
    assert "{{" not in " ".join(plain.values())


async def test_copy_in_a_language_with_an_offer_and_a_link(client: AsyncAnthropic) -> None:
    class Whole(Copy):
        link: str

    def told(**more: object) -> str:
        slots = ["first_name", "shop_url", "offer_code", "offer_value"]
        return json.dumps({"slots": slots, **more, "fallback": "{{ sender_name }}"})

    german = value(await client.messages.create(**asking(told(language="de", offer=True), Whole)))
    assert german["body"].startswith("Hallo {{ first_name }},")
    assert "{{ offer_code }}" in german["body"] and "{{ offer_value }}" in german["body"]
    assert german["link"] == "{{ shop_url }}"
    english = value(await client.messages.create(**asking(told(offer=False), Whole)))
    assert "Hello" in english["body"] and "offer" not in english["body"]


async def test_where_none_is_no_choice_one_of_the_choices_is_taken(client: AsyncAnthropic) -> None:
    class Policy(pydantic.BaseModel):
        action: Literal["send", "wait", "skip", "leave"]
        leave_to: Literal["upsell", "welcome"]

    for number in range(12):
        said = value(await client.messages.create(**asking(f"Which? {'x' * number}", Policy)))
        assert said["leave_to"] in ("upsell", "welcome")
        assert Policy.model_validate(said).model_dump() == said


async def test_values_of_one_answer_agree(client: AsyncAnthropic) -> None:
    class Shares(pydantic.BaseModel):
        send: int
        wait: int
        skip: int

    class Policy(pydantic.BaseModel):
        action: Literal["send", "wait", "skip", "leave"]
        leave_to: Literal["none", "upsell"]
        wait_days: Literal[0, 1, 2, 3]
        offer: Literal["none", "percent/10"]
        confidence: int
        probabilities: Shares

    for number in range(40):
        made = value(await client.messages.create(**asking(f"bucket {number}", Policy)))
        action, shares = made["action"], made["probabilities"]
        assert (action == "leave") == (made["leave_to"] == "upsell")
        assert (action == "wait") == (made["wait_days"] > 0)
        assert made["offer"] == "none" or action in ("send", "wait")
        assert 55 <= made["confidence"] <= 95 and sum(shares.values()) == 100
        assert action == "leave" or max(shares, key=shares.__getitem__) == action


async def test_ids_of_the_prompt_are_answered_one_by_one(client: AsyncAnthropic) -> None:
    class Policy(pydantic.BaseModel):
        bucket: str
        action: Literal["send", "skip"]

    class Policies(pydantic.BaseModel):
        policies: list[Policy]

    prompt = json.dumps([{"bucket": f"b{i}", "customers": i} for i in range(7)])
    found = value(await client.messages.create(**asking(prompt, Policies)))
    assert [row["bucket"] for row in found["policies"]] == [f"b{i}" for i in range(7)]


async def test_a_test_decides_the_answer(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    def absurd(asked: Asked) -> Any:
        return {**asked.filled, "offer": "percent/95"} if "vip" in asked.prompt else None

    fake_claude.answer(absurd)
    assert value(await client.messages.create(**asking("a vip")))["offer"] == "percent/95"
    assert value(await client.messages.create(**asking("a guest")))["offer"] != "percent/95"
    fake_claude.answer({"send": True})
    assert value(await client.messages.create(**asking("a guest"))) == {"send": True}


async def test_thinking_comes_first_where_it_is_on(client: AsyncAnthropic) -> None:
    on = await client.messages.create(**asking("a customer"))
    off = await client.messages.create(**asking("a customer", thinking={"type": "disabled"}))
    assert [block.type for block in on.content] == ["thinking", "text"]
    assert [block.type for block in off.content] == ["text"]
    assert on.usage.output_tokens_details and on.usage.output_tokens_details.thinking_tokens > 0


async def test_too_few_tokens_cut_the_answer(client: AsyncAnthropic) -> None:
    cut = await client.messages.create(
        **asking("a customer", thinking={"type": "disabled"}) | {"max_tokens": 10}
    )
    assert cut.stop_reason == "max_tokens" and cut.usage.output_tokens == 10
    with pytest.raises(json.JSONDecodeError):
        value(cut)


async def test_a_tool_that_must_be_used_is_used(client: AsyncAnthropic) -> None:
    tool = {
        "name": "decide",
        "strict": True,
        "input_schema": anthropic.transform_schema(Advice),
    }
    told = asking("a customer", tools=[tool], tool_choice={"type": "tool", "name": "decide"})
    del told["output_config"]
    answer = await client.messages.create(**told)
    assert answer.stop_reason == "tool_use"
    used = next(block for block in answer.content if block.type == "tool_use")
    Advice.model_validate(used.input)


async def test_headers_tell_the_request_and_the_limits(client: AsyncAnthropic) -> None:
    raw = await client.messages.with_raw_response.create(**asking("a customer"))
    assert raw.headers["request-id"].startswith("req_")
    for unit in ("requests", "tokens", "input-tokens", "output-tokens"):
        assert int(raw.headers[f"anthropic-ratelimit-{unit}-remaining"]) > 0
    assert value(await raw.parse())


async def test_all_is_recorded(client: AsyncAnthropic, fake_claude: FakeClaude) -> None:
    await client.messages.create(**asking("bucket one"))
    await client.messages.create(**asking("Größe of bucket two"))
    assert fake_claude.record.count() == 2
    assert not fake_claude.record.asked_twice()
    assert not fake_claude.record.holds("anna@example.com", "Anna")
    assert fake_claude.record.holds("größe", "bucket one") == ["größe", "bucket one"]
    await client.messages.create(**asking("bucket one"))
    assert [asked.prompt for asked in fake_claude.record.asked_twice()] == ["bucket one"]
    assert fake_claude.requests[0].headers["authorization"] == f"Bearer {fake_claude.api_key}"


async def test_a_stream_comes_to_the_same_message(
    client: AsyncAnthropic, fake_claude: FakeClaude
) -> None:
    whole = await client.messages.create(**asking("a customer"))
    async with client.messages.stream(**asking("a customer")) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert len(pieces) > 3 and json.loads("".join(pieces)) == value(final) == value(whole)
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens
    fake_claude.fail("truncated")
    async with client.messages.stream(**asking("a customer")) as stream:
        assert (await stream.get_final_message()).stop_reason == "max_tokens"
    fake_claude.fail("drop_midway")
    with pytest.raises(httpx2.RemoteProtocolError):
        async with client.messages.stream(**asking("a customer")) as stream:
            await stream.get_final_message()
