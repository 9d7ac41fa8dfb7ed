"""The fake SendGrid's event webhook: signed posts, in batches, and as late, doubled and mixed up as real ones."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kernel.testing.sendgrid_events import Behaviour, make, strip
from kernel.testing.sendgrid_history import happen, record, suppress
from kernel.testing.sendgrid_store import Store

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


class EventSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How events are told; the body of `POST /_fake/events`."""

    url: str = ""
    """Where they are posted. Empty: nowhere, they stand in the logs only."""
    hold: bool = False
    """Whether nothing happens and nothing is posted until `deliver()`."""
    batch: int = 500
    """Events in one post at most."""
    window: int = 2000
    """Recipients whose events are mixed with one another."""
    shuffle: bool = False
    twice: float = 0.0
    """Share of events that come again, in another post."""
    late: float = 0.0
    """Share of events that are held back while others of later mails go out, or until `deliver()`."""
    bare: float = 0.0
    """Share of bounces and complaints without custom args and with half a `sg_message_id`."""
    without: dict[str, float] = {}
    """Fields that are missing, and in which share of events: `{"smtp-id": 0.1}`."""
    parallel: int = 4
    """Posts at once."""
    retries: int = 8
    """How often a post that was not answered with 2xx is tried again."""
    retry_seconds: float = 0.05
    """Until the first of them; each takes twice as long as the one before."""
    timeout: float = 10.0
    behaviour: Behaviour = Behaviour()
    seed: int = 0


class Signer:
    """Keys like SendGrid's: ECDSA on P-256, over the timestamp and the raw body."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key = base64.b64encode(der).decode()
        """Base64, as SendGrid's settings page shows it."""

    def headers(self, body: bytes, at: float) -> dict[str, str]:
        """The two headers of a post."""
        stamp = str(int(at))
        signature = self._key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp}


class Webhook:
    """Makes things happen to accepted mail and tells of them.

    Args:
        store: what was accepted.
        clock: epoch seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self.store, self.clock = store, clock
        self.signer = Signer()
        self.settings: EventSettings | None = None
        self.posted: dict[str, int] = {}
        """Posts by status; `failed` those without an answer, `given_up` those that were left."""
        self.events = 0
        """Events that were answered with 2xx, repetitions included."""
        self._done = 0
        self._number = 0
        self._extra: list[dict[str, Any]] = []
        self._late: list[dict[str, Any]] = []
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to work."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends; what was not posted never is."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def set(self, settings: EventSettings | None) -> None:
        """Works so from now on; None: nothing happens to mail any more."""
        self.settings = settings
        self._dice = random.Random(settings.seed if settings else 0)
        self.wake()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def reset(self) -> None:
        """Forgets everything, settings too."""
        self.settings, self._done, self.events = None, 0, 0
        self._extra.clear()
        self._late.clear()
        self.posted.clear()

    def emit(self, message: str, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Lets something happen to a message now, e.g. a complaint a week after.

        Args:
            message: `ae_message`; each of its acceptances gets an event.
            kind: of `sendgrid_events.KINDS`.
            fields: what stands in the event instead; None takes a field out.
        """
        self._number += 1
        made = [
            (row, kind, make(row, kind, self._number, **fields))
            for row in self.store.accepted(message=message)
        ]
        for one in made:
            suppress(self.store, one)
        record(self.store, made)
        events = [event for _, _, event in made]
        self._extra += events
        self.wake()
        return events

    async def deliver(self) -> int:
        """Lets all happen that is due, held and late; how many events were answered with 2xx by then."""
        before = self.events
        async with self._turn:
            while await self._step():
                pass
            late, self._late = self._late, []
            await self._post(late)
        return self.events - before

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.settings and not self.settings.hold:
                async with self._turn:
                    if not await self._step():
                        break

    async def _step(self) -> bool:
        """One window of mails; whether there was any."""
        settings = self.settings
        if not settings:
            return False
        rows = self.store.accepted(after=self._done, limit=settings.window)
        extra, self._extra = self._extra, []
        if not rows and not extra:
            return False
        if rows:
            self._done = rows[-1].seq
        await self._post(self._spoiled(happen(self.store, settings.behaviour, rows) + extra))
        return True

    def _spoiled(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The events as they come, some of them kept for later."""
        settings, draw = self.settings, self._dice.random
        assert settings
        told: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        late: list[dict[str, Any]] = []
        for event in events:
            if event["event"] in ("bounce", "spamreport") and draw() < settings.bare:
                strip(event)
            for name, share in settings.without.items():
                if draw() < share:
                    event.pop(name, None)
            (late if draw() < settings.late else told).append(event)
            if draw() < settings.twice:
                again.append(event)
        told += self._late + again
        self._late = late
        if settings.shuffle:
            self._dice.shuffle(told)
        return told

    async def _post(self, events: list[dict[str, Any]]) -> None:
        settings = self.settings
        if not settings or not settings.url or not events:
            return
        size = settings.batch
        bodies = [msgspec.json.encode(events[n : n + size]) for n in range(0, len(events), size)]
        sizes = [len(events[n : n + size]) for n in range(0, len(events), size)]
        slots = asyncio.Semaphore(settings.parallel)
        async with httpx.AsyncClient(timeout=settings.timeout) as client:

            async def one(body: bytes, count: int) -> None:
                async with slots:
                    if await self._tried(client, settings, body + b"\r\n"):
                        self.events += count

            await asyncio.gather(*map(one, bodies, sizes))

    async def _tried(self, client: httpx.AsyncClient, settings: EventSettings, body: bytes) -> bool:
        """Whether a post was answered with 2xx in the end."""
        for attempt in range(settings.retries + 1):
            headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API"}
            headers |= self.signer.headers(body, self.clock())
            try:
                answer = await client.post(settings.url, content=body, headers=headers)
                name, good = str(answer.status_code), answer.is_success
            except httpx.HTTPError:
                name, good = "failed", False
            self.posted[name] = self.posted.get(name, 0) + 1
            if good:
                return True
            await asyncio.sleep(settings.retry_seconds * 2**attempt)
        self.posted["given_up"] = self.posted.get("given_up", 0) + 1
        return False
