"""Whatever stands in the DNS, reading it ends, and never in an exception."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from plugins.deliverability import records, spf
from plugins.deliverability.resolver import ABSENT, FAILED, Answer, Resolver

WORDS = st.sampled_from(
    [
        "all",
        "-all",
        "a",
        "mx/24",
        "a:x.y//64",
        "include:a",
        "include:b",
        "include:c",
        "redirect=b",
        "ip4:1.2.3.4",
        "ip4:1.2.3.4/40",
        "ip6:::1/64",
        "exists:%{i}.x",
        "ptr",
        "exp=e",
        "+",
        ":",
        "=",
    ]
)
RECORDS = st.lists(WORDS, max_size=12).map(lambda words: " ".join(["v=spf1", *words]))
HOSTILE = st.one_of(st.text(max_size=300), RECORDS, st.text(max_size=60).map("v=spf1 {}".format))


class Zone(Resolver):
    """Answers from a mapping; what is not there failed or is absent."""

    def __init__(self, zone: dict[str, Answer]) -> None:
        self.zone = zone
        self.count = 0

    async def ask(self, name: str, kind: str) -> Answer:
        self.count += 1
        return self.zone.get(name.lower(), ABSENT)


@given(HOSTILE)
def test_parsing_never_fails(text: str) -> None:
    record = spf.parse(text)
    assert record.problem or text.lower().startswith("v=spf1")
    records.key_of(text)
    records.policy_of(text)
    records.owned(text)


@given(st.lists(HOSTILE, max_size=3))
def test_a_record_that_was_put_right_can_be_read(texts: list[str]) -> None:
    made = spf.repaired(texts, "sendgrid.net")
    record = spf.parse(made)
    assert not record.problem
    names = [(one.name, one.value.lower()) for one in record.terms]
    assert names.count(("include", "sendgrid.net")) == 1 and names[-1][0] == "all"
    assert record.ending in ("-", "~")
    assert spf.repaired([made], "sendgrid.net") == made


ANSWERS = st.one_of(
    st.just(ABSENT),
    st.just(FAILED),
    st.lists(HOSTILE, min_size=1, max_size=2).map(
        lambda texts: Answer(state="found", values=tuple(texts), name="n")
    ),
)


@given(st.fixed_dictionaries({"a": ANSWERS, "b": ANSWERS, "c": ANSWERS}))
def test_following_ends(zone: dict[str, Answer]) -> None:
    resolver = Zone(zone)
    got = asyncio.run(spf.follow(resolver, "a"))
    assert resolver.count <= spf.MOST + 1
    assert got.lookups <= spf.MOST + 1
    assert got.lookups <= spf.MOST or got.problem
