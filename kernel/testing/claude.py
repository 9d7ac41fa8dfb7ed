"""A fake Claude that speaks the real wire protocol over HTTP, for tests and trials without a key.

async with FakeClaude() as fake:
    client = anthropic.AsyncAnthropic(api_key=fake.api_key, base_url=fake.base_url)

docs/fake-claude.md tells what it answers and how to make it fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.tenancy.core import SystemClock
from kernel.testing.claude_answers import Answer
from kernel.testing.claude_api import Api
from kernel.testing.claude_batches import Batches
from kernel.testing.claude_errors import ApiError
from kernel.testing.claude_faults import ClaudeRule
from kernel.testing.claude_models import FakeModel
from kernel.testing.claude_record import Asked, Record, Seen
from kernel.testing.fake_http import HttpFake
from kernel.testing.faults import ENDLESS

__all__ = ["ApiError", "Asked", "FakeClaude", "FakeModel", "Seen"]

API_KEY = "sk-ant-fake-0000"


class FakeClaude(HttpFake):
    """A server on a free port of this machine, from `async with` to its end.

    Args:
        port: 0 for any free one.
        api_key: the one key that is let in, as Bearer token or as `x-api-key`.
        now: real time for dates; a test may turn it to let batches expire.
        host: where to listen.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        api_key: str = API_KEY,
        now: Callable[[], datetime] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.api = Api(now or SystemClock().now, time.monotonic)
        self.api.keys.add(api_key)
        self.api_key = api_key
        super().__init__(self.api, port, host, most=256_000_000)

    async def _ended(self, error: BaseException | None) -> None:
        await self.api.batches.stop()
        if self.record.errors and error is None:
            raise self.record.errors[0]

    @property
    def base_url(self) -> str:
        """For the client, e.g. `http://127.0.0.1:40123`."""
        return self.url

    # --- what it answers

    def answer(self, with_: Answer | Any) -> None:
        """From now on prompts are answered so: a function of the prompt, a value for JSON, or a text;
        None for what it answers by itself.

        Example:
            fake.answer({"action": "skip"})
            fake.answer(lambda asked: {**asked.filled, "offer": "percent/90"})
        """
        callable_ = callable(with_) or with_ is None
        self.api.answerer.answer = with_ if callable_ else lambda _: with_

    def model(self, name: str, **facts: Any) -> FakeModel:
        """The model with these facts changed, or a new one like haiku: `lifecycle="retired"`,
        `structured_outputs=False`, `retires_at="2026-12-24T00:00:00Z"`, ….
        """
        known = self.api.models.known
        like = known.get(name) or replace(known["claude-haiku-5-5"], id=name, display_name=name)
        known[name] = replace(like, **facts)
        return known[name]

    def limit(
        self,
        requests: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """Rate limits a minute, enforced from now on; None leaves the usual number."""
        self.api.limits.set(
            requests=requests, input_tokens=input_tokens, output_tokens=output_tokens
        )

    @property
    def thinks(self) -> bool:
        """Whether answers begin with a thinking block, where the request leaves thinking on."""
        return self.api.answerer.thinks

    @thinks.setter
    def thinks(self, on: bool) -> None:
        self.api.answerer.thinks = on

    @property
    def batches(self) -> Batches:
        """Of these a test sets `polls` and `seconds` and calls `expire()`."""
        return self.api.batches

    # --- how it fails

    def fail(
        self,
        kind: str | int,
        times: int | None = None,
        *,
        share: float | None = None,
        when: Callable[[Any], bool] | None = None,
        on: str | tuple[str, ...] | None = None,
        retry_after: float | None = None,
        seconds: float | None = None,
    ) -> ClaudeRule:
        """Scripts a fault of the table in `claude_faults`; several are met in the order of the calls.

        Args:
            kind: what fails, e.g. `429`, `"stall"`, `"truncated"`, `"expired"`.
            times: how often: once, or without end where `share` or `when` says which.
            share: of requests (or rows of batches), by lot: the same requests each time.
            when: gets the `Seen` of a request, or the `Asked` of a prompt; says whether it is met.
            on: operations (`messages`, `count_tokens`, `models`, `batch_create`, `batch_retrieve`,
                `batch_results`, `batch_list`, `batch_cancel`, `row`), or `any`. By default the answers to
                prompts, direct or in a batch, for what spoils an answer, and else direct prompts.
            retry_after: seconds, in the header.
            seconds: how long it lasts.

        Raises:
            ValueError: there is no such fault, or no such operation.
        """
        rule = ClaudeRule(
            kind=str(kind),
            on=on or (),
            times=ENDLESS if times is None and share is not None else times,
            share=1.0 if share is None else share,
            retry_after=retry_after,
            seconds=seconds,
        )
        if rule.kind == "refused":
            self._at_home(self._listener.refuse)
        else:
            self.api.faults.add(rule, when)
        return rule

    def recover(self) -> None:
        """Nothing fails any more."""
        self.api.faults.clear()
        self._at_home(self._listener.accept)

    # --- what it was asked

    @property
    def record(self) -> Record:
        """All it was asked: `count()`, `asked_twice()`, `holds("anna@example.com")`, `peak`, `clear()`."""
        return self.api.record

    @property
    def requests(self) -> list[Seen]:
        """Every HTTP request, oldest first, answered or not."""
        return self.api.record.requests

    @property
    def asked(self) -> list[Asked]:
        """Every prompt, oldest first, whether direct or a row of a batch."""
        return self.api.record.asked


if __name__ == "__main__":
    from kernel.cli.fake_claude import command

    command()
