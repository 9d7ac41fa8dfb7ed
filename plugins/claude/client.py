"""One question over the wire, with the real client: what came back, what it took, or what went wrong."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anthropic

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from anthropic.types import Message

    from plugins.claude.manifest import ClaudeSettings, Price

NO_KEY = "no Anthropic key is set, so Claude is not asked"
KEY = "ANTHROPIC_API_KEY"
DEFAULT_URL = "https://api.anthropic.com"


class Usage(Frozen):
    """Tokens of one answer."""

    input: int = 0
    cache_write: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.cache_write + self.cache_read + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            cache_write=self.cache_write + other.cache_write,
            cache_read=self.cache_read + other.cache_read,
            output=self.output + other.output,
        )

    def micros(self, price: Price, share: float = 1.0) -> int:
        """What they cost in millionths of a US dollar, rounded up.

        A dollar for a million tokens is a millionth for one.
        """
        exact = share * (
            self.input * price.input
            + self.cache_write * price.cache_write
            + self.cache_read * price.cache_read
            + self.output * price.output
        )
        return int(exact) + (exact > int(exact))


class Said(Frozen):
    """What Claude said."""

    text: str
    usage: Usage
    final: str = ""
    """Why asking again would not help, if so: a refusal."""
    wrong: str = ""
    """Why the text cannot be whole, if so."""


class Failed(Exception):
    """No answer. The text is the reason as the record keeps it."""

    def __init__(
        self,
        reason: str,
        *,
        service: bool = True,
        billed: bool = True,
        taken: bool = True,
        again: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.service = service
        """Whether the service or the way to it is at fault, and not this one question."""
        self.billed = billed
        """Whether it may have been billed all the same."""
        self.taken = taken
        """Whether the service may have taken the request all the same: a batch may be under way."""
        self.again = again
        """Whether the same request may succeed later."""


def key_variable(tenant_id: str) -> str:
    """The environment variable that holds a tenant's key: its own where there is one, else everybody's. It
    is no setting: a merchant could name the key of another.
    """
    own = f"{KEY}_{tenant_id.replace('-', '_').upper()}"
    return own if os.environ.get(own, "").strip() else KEY


def key(tenant_id: str) -> str:
    """The tenant's key; empty without."""
    return os.environ.get(key_variable(tenant_id), "").strip()


def open_client(settings: ClaudeSettings, tenant_id: str) -> anthropic.AsyncAnthropic:
    """A client; close it by `async with`. Key and address are given outright: nothing that lies on
    this machine is used by accident.
    """
    return anthropic.AsyncAnthropic(
        api_key=key(tenant_id),
        base_url=os.environ.get("ANTHROPIC_BASE_URL", "").strip() or DEFAULT_URL,
        max_retries=settings.retries,
        timeout=settings.timeout,
    )


async def ask(
    client: anthropic.AsyncAnthropic, params: dict[str, Any], seconds: float, retries: int = 0
) -> Said:
    """Ask one question and wait for the answer, at most so many seconds in all.

    It is sent again only after a failure for which nothing is billed: the client's own retries would
    hide what others cost.

    Raises:
        Failed: there was no answer.
    """
    until = time.monotonic() + seconds
    once = client.with_options(max_retries=0)
    for attempt in range(retries + 1):
        left = until - time.monotonic()
        try:
            async with asyncio.timeout(left):
                return said(await once.messages.create(**params, timeout=left))
        except Exception as error:
            failed = failure(error, seconds)
            pause = _asked_to_wait(error, attempt)
            if failed.billed or not failed.again or attempt == retries:
                raise failed from error
            if time.monotonic() + pause >= until:
                raise failed from error
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def _asked_to_wait(error: Exception, attempt: int) -> float:
    """Seconds until the next attempt: what the answer says, else half of one, doubled each time."""
    headers = error.response.headers if isinstance(error, anthropic.APIStatusError) else {}
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after", "")))
    return min(8.0, 0.5 * 2.0**attempt)


def said(message: Message) -> Said:
    """What a message says: why it stopped is looked at first, and text is found by its type."""
    used = message.usage
    usage = Usage(
        input=used.input_tokens,
        cache_write=used.cache_creation_input_tokens or 0,
        cache_read=used.cache_read_input_tokens or 0,
        output=used.output_tokens,
    )
    text = "".join(block.text for block in message.content if block.type == "text")
    reason = message.stop_reason
    if reason == "refusal":
        return Said(text="", usage=usage, final="Claude refused to answer")
    if reason == "model_context_window_exceeded":
        return Said(text="", usage=usage, final="the question was too long for the model")
    if reason == "max_tokens":
        return Said(text=text, usage=usage, wrong="the answer was cut off: it was too long")
    if reason not in ("end_turn", "stop_sequence"):
        return Said(text=text, usage=usage, wrong=f"the answer stopped for `{reason}`")
    return Said(text=text, usage=usage)


def failure(error: Exception, seconds: float = 0.0) -> Failed:
    """What went wrong, in words that hold nothing of the request."""
    if isinstance(error, Failed):
        return error
    if isinstance(error, TimeoutError | anthropic.APITimeoutError):
        return Failed(f"Claude did not answer within {seconds:g} seconds")
    if isinstance(error, anthropic.APIStatusError):
        status, kind = error.status_code, error.type or "error"
        # A question that is wrong by itself says nothing about the service.
        mine = status in (400, 404, 413, 422)
        return Failed(
            f"Claude answered {status} ({kind})",
            service=not mine,
            billed=False,
            taken=status >= 500 or status == 408,
            again=status in (408, 409, 429) or status >= 500,
        )
    if isinstance(error, anthropic.APIConnectionError):
        cause = error.__cause__
        why = f" ({type(cause).__name__})" if cause is not None else ""
        unconnected = type(cause).__name__ in ("ConnectError", "ConnectTimeout")
        return Failed(
            f"Claude could not be reached{why}", billed=not unconnected, taken=not unconnected
        )
    return Failed(f"Claude's answer could not be read ({type(error).__name__})")
