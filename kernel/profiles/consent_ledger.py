"""The consent ledger: every change of a consent, in a chain that only grows.

Whoever changes a consent calls `note` in the same transaction. The entries are chained and written at
its very end: the head of the tenant's chain is the last lock taken, and held shortly even where a long
import took the rest of the transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from kernel.contracts.profiles import ConsentKind
from kernel.profiles import consent_chain as chain
from kernel.profiles import consent_keys as locks
from kernel.tenancy.keys import seal

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.db.uow import UnitOfWork

MARKETING = "marketing"
TRACKING = "tracking"
CHUNK = 20_000
SHORT = 200
"""Characters of a wording's or source's name. What is longer, or looks like an address, is evidence."""
KINDS: dict[str, ConsentKind] = {
    "subscribed": "granted",
    "unsubscribed": "withdrawn",
    "pending": "pending",
    "never": "never",
    "granted": "tracking_granted",
    "denied": "tracking_denied",
}
"""State of a consent -> kind of entry."""
FORMER = ("email_consent", "consent_at", "consent_source", "consent_wording",
          "tracking_consent", "tracking_at", "tracking_source")  # fmt: skip
"""Columns of a profile as they were before a change, in the order of `Said.former`."""

_HEAD = """
INSERT INTO profiles_consent_head AS h (tenant_id, seq, hash) VALUES ($1, 0, $2)
ON CONFLICT (tenant_id) DO UPDATE SET seq = h.seq RETURNING seq, hash
"""
COLUMNS = (*chain.Fields._fields, "evidence", "evidence_hash", "prev_hash", "hash", "mac")
_INSERT = f"""
INSERT INTO profiles_consent (tenant_id, {", ".join(COLUMNS)})
SELECT $1, u.* FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::timestamptz[], $10::timestamptz[], $11::bytea[], $12::bytea[], $13::bytea[],
  $14::bytea[], $15::bytea[]) u
"""

# Who is locked is just being changed, and gets the opening entry with that.
_OLDER = f"""
SELECT id, email, {", ".join(FORMER)} FROM profiles_customer c
WHERE tenant_id = $1 AND id > $2 AND erased_at IS NULL
  AND (email_consent <> 'unknown' OR tracking_consent <> 'unknown')
  AND NOT EXISTS (SELECT FROM profiles_person_key k WHERE k.tenant_id = $1 AND k.customer_id = c.id)
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
"""


class Said(NamedTuple):
    """One change, before it is chained."""

    kind: ConsentKind
    purpose: str
    occurred_at: datetime
    customer_id: int | None = None
    email: str | None = None
    basis: str = ""
    wording: str = ""
    source: str = ""
    detail: Mapping[str, Any] | None = None
    """Further evidence: plain data, encrypted with the person's key."""
    former: Sequence[Any] | None = None
    """What stood in the profile before, as FORMER: the opening entry of who is new to the ledger."""
    subject: UUID | None = None
    """Whose entry it is where no customer stands behind it (any more)."""
    opens: bool = False
    """Nothing is said now: only the opening entry is wanted, of who is new to the ledger."""


@dataclass(frozen=True, eq=False)
class _Pending:
    """Changes that wait for the end of the transaction; all that wait are chained at once."""

    ctx: Context
    said: Iterable[Said]

    async def __call__(self) -> None:
        waiting = _unit(self.ctx).before_commit
        mine = [self, *(call for call in waiting if isinstance(call, _Pending))]
        waiting[:] = [call for call in waiting if not isinstance(call, _Pending)]
        await _append(self.ctx, (said for call in mine for said in call.said))


def note(ctx: Context, said: Iterable[Said]) -> None:
    """Have these changes chained at the end of this transaction, in their order; `said` is gone
    through then.
    """
    _unit(ctx).before_commit.append(_Pending(ctx, said))


async def flush(ctx: Context) -> None:
    """Chain now what waits: for who reads the ledger, or destroys keys, in the same transaction."""
    waiting = _unit(ctx).before_commit
    for call in waiting:
        if isinstance(call, _Pending):
            waiting.remove(call)
            await call()
            return


async def open_ledger(ctx: Context) -> int:
    """Give everybody whose consent is older than the ledger their opening entries, in transactions of
    its own; how many people. Safe to run again, and beside anything else.
    """
    opened, after = 0, 0
    while True:
        async with ctx.transaction() as part:
            rows = await part.db.fetch(_OLDER, part.tenant.id, after, CHUNK)
            former = (
                Said(
                    "pending", "", part.now, row["id"], row["email"],
                    former=[row[name] for name in FORMER], opens=True,
                )
                for row in rows
            )  # fmt: skip
            if not rows:
                return opened
            note(part, former)
        opened, after = opened + len(rows), rows[-1]["id"]


def stranger(ctx: Context, email: str) -> UUID:
    """The pseudonym of an address that no customer has: as little to be turned back as the list's."""
    return UUID(bytes=seal(ctx, "consent/stranger", email.encode())[:16])


def opening(former: Sequence[Any], now: datetime) -> Iterator[Said]:
    """The first entries of somebody whose consents are older than the ledger."""
    state, at, source, wording, tracking, tracking_at, tracking_source = former
    if state != "unknown":
        yield Said(
            KINDS[state], MARKETING, at or now,
            basis="imported", wording=wording, source=source, detail={"dated": at is not None},
        )  # fmt: skip
    if tracking != "unknown":
        yield Said(
            KINDS[tracking], TRACKING, tracking_at or now,
            basis="imported", source=tracking_source, detail={"dated": tracking_at is not None},
        )  # fmt: skip


async def _append(ctx: Context, said: Iterator[Said]) -> None:
    tenant, ring = ctx.tenant.id, chain.ring(ctx)
    head: Any = None
    while chunk := list(islice(said, CHUNK)):
        if head is None:
            head = await ctx.db.fetchrow(_HEAD, tenant, chain.genesis(tenant))
        ids = {one.customer_id for one in chunk if one.customer_id is not None}
        people = await locks.people(ctx, ring, ids)
        link = _Link(tenant, ring[0], ctx.now, head["seq"], bytes(head["hash"]), people)
        if len(chunk) > locks.SMALL:
            await asyncio.to_thread(link.forge, chunk)
        else:
            link.forge(chunk)
        if link.new:
            await locks.keep(ctx, ring[0], link.new)
        if not link.rows:
            continue
        if len(link.rows) > locks.SMALL:
            await ctx.db.copy("profiles_consent", COLUMNS, link.rows)
        else:
            await ctx.db.execute(_INSERT, tenant, *map(list, zip(*link.rows, strict=True)))
        head = {"seq": link.seq, "hash": link.hash}
    if head is not None:
        await ctx.db.execute(
            "UPDATE profiles_consent_head SET seq = $2, hash = $3 WHERE tenant_id = $1",
            tenant,
            head["seq"],
            head["hash"],
        )


@dataclass
class _Link:
    """The end of the chain while a chunk is chained to it."""

    tenant: str
    keys: chain.Secrets
    now: datetime
    seq: int
    hash: bytes
    people: dict[int, locks.Person]

    def __post_init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.new: list[tuple[UUID, int, bytes]] = []

    def forge(self, chunk: Sequence[Said]) -> None:
        """The rows of the chunk, and the keys of those who are new."""
        for said in chunk:
            who = said.customer_id
            if who is None:
                assert said.subject is not None
                self._entry(said, said.subject, None)
                continue
            person = self.people.get(who)
            if person is not None and said.opens:
                continue
            if person is None or person.key is None:
                known = person
                person = locks.newcomer(who, known.subject if known else None)
                self.people[who] = person
                assert person.key is not None
                wrapped = locks.wrap(self.keys, self.tenant, person.subject, person.key)
                self.new.append((person.subject, who, wrapped))
                if known is None and said.former is not None:
                    for first in opening(said.former, self.now):
                        self._entry(first._replace(email=said.email), person.subject, person)
            if not said.opens:
                self._entry(said, person.subject, person)

    def _entry(self, said: Said, subject: UUID, person: locks.Person | None) -> None:
        self.seq += 1
        source, wording = _plain(said.source), _plain(said.wording)
        sealed = b""
        if person is not None:
            evidence = {**(said.detail or {}), "email": said.email}
            if source != said.source:
                evidence["source"] = said.source
            if wording != said.wording:
                evidence["wording"] = said.wording
            sealed = locks.conceal(person, self.tenant, self.seq, evidence)
        digest = hashlib.sha256(sealed).digest()
        fields = chain.Fields(
            self.seq, subject, said.kind, said.purpose, said.basis, wording, source,
            said.occurred_at, self.now,
        )  # fmt: skip
        before, self.hash = self.hash, chain.chained(self.tenant, self.hash, fields, digest)
        seal_ = chain.mac(self.keys, self.hash)
        self.rows.append((*fields, sealed, digest, before, self.hash, seal_))


def _plain(text: str) -> str:
    """A name as it may stand in the chain, which is never erased."""
    return text if len(text) <= SHORT and "@" not in text else "see evidence"


def _unit(ctx: Context) -> UnitOfWork:
    return cast("UnitOfWork", ctx.db)
