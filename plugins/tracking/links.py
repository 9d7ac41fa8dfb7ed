"""The addresses of a batch of mails, rewritten: stored once per distinct address, in one query or two."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kernel.sdk import MailLinks, public_url
from plugins.tracking import tokens
from plugins.tracking.addresses import destination, left_alone
from plugins.tracking.manifest import TrackingSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernel.sdk import Context, Outgoing

CACHED = 50_000
_KNOWN = """
SELECT id, digest FROM tracking_link WHERE tenant_id = $1 AND digest = ANY($2::bytea[])
"""
# In the order of their digests, so that two batches never wait for each other.
_ADD = """
INSERT INTO tracking_link (tenant_id, url, digest, created_at)
SELECT $1, g.url, g.digest, $4 FROM unnest($2::text[], $3::bytea[]) g (url, digest) ORDER BY g.digest
ON CONFLICT (tenant_id, digest) DO NOTHING RETURNING id, digest
"""


class Cache:
    """Ids of addresses, the least used forgotten first. An id never changes, so it may be kept; only
    what is committed comes in.
    """

    def __init__(self, size: int = CACHED) -> None:
        self._size = size
        self._ids: OrderedDict[bytes, int] = OrderedDict()

    def get(self, key: bytes) -> int | None:
        """The id, or None."""
        if (found := self._ids.get(key)) is not None:
            self._ids.move_to_end(key)
        return found

    def clear(self) -> None:
        """Forget all: the database is another one."""
        self._ids.clear()

    async def keep(self, ids: dict[bytes, int]) -> None:
        """Remember these."""
        self._ids.update(ids)
        while len(self._ids) > self._size:
            self._ids.popitem(last=False)


async def rewrite(
    ctx: Context, batch: Sequence[Outgoing], links: Sequence[MailLinks]
) -> Sequence[MailLinks]:
    """The links of each mail, in order: with utm_ parameters, and counted where that is allowed."""
    settings = ctx.settings(TrackingSettings)
    # With a host of their own, short paths are there, and the others where they always were.
    ours = {urlsplit(public_url(ctx, "tracking", path)).netloc.lower() for path in ("", "c/")}
    finals: dict[tuple[str, str, str], str | None] = {}

    def final(message: Outgoing, url: str) -> str | None:
        key = (url, message.campaign_type, message.variant)
        if key not in finals:
            utm = utm_of(settings, message.campaign_type, message.variant)
            finals[key] = None if left_alone(url, ours) else destination(url, utm)
        return finals[key]

    pairs = list(zip(batch, links, strict=True))
    ids = await store(
        ctx,
        {
            found
            for message, one in pairs
            if counted(settings, message)
            for url in one.links.values()
            if (found := final(message, url)) is not None
        },
    )
    done: list[MailLinks] = []
    for message, one in pairs:
        if message.transactional:
            done.append(one)
            continue
        count = counted(settings, message)
        led = {}
        for url in set(one.links.values()):
            to = final(message, url)
            known = ids.get(to) if count and to else None
            led[url] = address(ctx, message, known) if known else to or url
        consent = message.recipient.tracking_consent == "granted"
        done.append(
            MailLinks(
                links={slot: led[url] for slot, url in one.links.items()},
                pixel=public_url(ctx, "tracking", f"o/{tokens.opening(ctx, message.id)}")
                if consent
                else one.pixel,
                honeypot=address(ctx, message, tokens.HONEYPOT)
                if count and settings.honeypot
                else one.honeypot,
            )
        )
    return done


def utm_of(settings: TrackingSettings, campaign_type: str, variant: str) -> dict[str, str]:
    """What is added to the links of a mail."""
    if not settings.utm:
        return {}
    return {
        "utm_source": settings.utm_source,
        "utm_medium": "email",
        "utm_campaign": campaign_type,
        "utm_content": variant,
    }


def counted(settings: TrackingSettings, message: Outgoing) -> bool:
    """Whether the clicks of this mail are counted."""
    return allowed(settings, message.recipient.tracking_consent) and not message.transactional


def allowed(settings: TrackingSettings, consent: str) -> bool:
    """Whether the clicks of somebody with this tracking consent are counted."""
    return consent == "granted" or (consent == "unknown" and settings.clicks_without_consent)


def address(ctx: Context, message: Outgoing, link_id: int) -> str:
    """The address in the mail that counts and leads on."""
    return public_url(ctx, "tracking", f"c/{tokens.click(ctx, message.id, link_id)}")


async def store(ctx: Context, urls: Iterable[str]) -> dict[str, int]:
    """Address -> id. In a transaction that may not write (a preview), only those known already."""
    digests = {url: hashlib.sha256(url.encode()).digest() for url in urls}
    tenant = ctx.tenant.id.encode()
    ids = {d: i for d in digests.values() if (i := CACHE.get(tenant + d)) is not None}
    missing = {d: url for url, d in digests.items() if d not in ids}
    if missing:
        found = await _find(ctx, list(missing))
        rest = {d: missing[d] for d in sorted(missing.keys() - found.keys())}
        if rest and not await _read_only(ctx):
            rows = await ctx.db.fetch(_ADD, ctx.tenant.id, list(rest.values()), list(rest), ctx.now)
            found |= {row["digest"]: row["id"] for row in rows}
            if others := [digest for digest in rest if digest not in found]:
                found |= await _find(ctx, others)  # another batch was faster
        ctx.after_commit(partial(CACHE.keep, {tenant + d: i for d, i in found.items()}))
        ids |= found
    return {url: ids[d] for url, d in digests.items() if d in ids}


async def _find(ctx: Context, digests: list[bytes]) -> dict[bytes, int]:
    rows = await ctx.db.fetch(_KNOWN, ctx.tenant.id, digests)
    return {row["digest"]: row["id"] for row in rows}


async def _read_only(ctx: Context) -> bool:
    return bool(await ctx.db.fetchval("SELECT current_setting('transaction_read_only') = 'on'"))


CACHE = Cache()
