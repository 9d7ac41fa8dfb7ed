"""Frozen templates: a campaign's mails keep the look they were approved with."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING, cast

import msgspec

from kernel.contracts.base import canonical
from kernel.mail import compiling
from kernel.tenancy import templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Tenant
    from kernel.tenancy.scope import TenantScope

LATE = ("button", "preferences")
"""Blocks that are known only when a mail is made: all four pages are frozen."""
KEPT = 512
_versions: dict[tuple[str, str], compiling.Template] = {}
"""(tenant, digest) -> version, the oldest first; at most `KEPT`."""

_PINNED = """
SELECT v.campaign_id, v.variant, v.templates FROM pipeline_variant v
JOIN pipeline_campaign c ON c.tenant_id = v.tenant_id AND c.id = v.campaign_id
WHERE v.tenant_id = $1 AND v.campaign_id = ANY($2) AND c.status NOT IN ('deciding', 'waiting')
  AND v.templates <> '{}'
"""
_PUT = """
INSERT INTO pipeline_template (tenant_id, digest, name, look, source_digest, html, text, created_at)
SELECT $1, r.digest, $2, r.look::jsonb, r.source_digest, r.html, r.text, $3
FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  r (digest, look, source_digest, html, text)
ON CONFLICT DO NOTHING
"""
_PIN = """
UPDATE pipeline_variant v SET templates = r.templates::jsonb
FROM unnest($3::text[], $4::text[]) r (variant, templates)
WHERE v.tenant_id = $1 AND v.campaign_id = $2 AND v.variant = r.variant
"""

Pinned = dict[tuple["UUID", str], dict[str, compiling.Template]]
"""(campaign, variant) -> names of the blocks, joined -> version."""


def key(flags: Iterable[str]) -> str:
    """The name of a set of blocks."""
    return ",".join(sorted(flags))


def look(tenant: Tenant, language: str, flags: Iterable[str]) -> compiling.Look:
    """What of the tenant goes into a template."""
    brand = tenant.brand
    return compiling.Look(
        flags=tuple(sorted(flags)),
        language=language,
        colour=brand.colour,
        logo_url=brand.logo_url if brand.logo_url.startswith("https://") else "",
        shop=brand.name or tenant.name,
    )


def sections(ctx: Context, campaign_type: str, own: Mapping[str, str]) -> str:
    """The MJML of a campaign type: the tenant's or its reseller's, else the plugin's, else the kernel's."""
    if campaign_type in own:
        return own[campaign_type]
    board = cast("TenantScope", ctx).core.board
    owned = board.campaign_types.get(campaign_type)
    plugin = board.plugins.get(owned.plugin) if owned else None
    package = (plugin.module.__package__ or "") if plugin else ""
    if not package or plugin is None:
        return compiling.kernel_file("default.mjml")
    return compiling.plugin_file(package, plugin.name, campaign_type)


async def freeze(
    ctx: Context, campaign_id: UUID, campaign_type: str, *, missing: bool = False
) -> None:
    """Keep the templates as they are now, and write their digests on the campaign's variants.

    Args:
        ctx: the tenant.
        campaign_id: whose.
        campaign_type: its type.
        missing: only for variants without any, as those that came after the approval.

    Raises:
        InvalidInput: a template of the tenant's cannot be used any more.
    """
    rows = await ctx.db.fetch(
        """SELECT variant, language, offer FROM pipeline_variant
           WHERE tenant_id = $1 AND campaign_id = $2 AND ($3 = false OR templates = '{}')
           ORDER BY variant""",
        ctx.tenant.id,
        campaign_id,
        missing,
    )
    if not rows:
        return
    own = await templates.overrides(ctx)
    main, base = sections(ctx, campaign_type, own), own.get(templates.BASE, "")
    late = list(chain.from_iterable(combinations(LATE, n) for n in range(len(LATE) + 1)))
    found: dict[str, tuple[str, compiling.Template]] = {}
    pins = []
    for row in rows:
        digests = {}
        for flags in late:
            blocks = (*flags, "offer") if row["offer"] else flags
            seen = look(ctx.tenant, row["language"], blocks)
            made = compiling.compiled(campaign_type, main, seen, base)
            found[made.digest] = (canonical(seen).decode(), made)
            digests[key(blocks)] = made.digest
        pins.append(canonical(digests).decode())
    await ctx.db.execute(
        _PUT,
        ctx.tenant.id,
        campaign_type,
        ctx.now,
        list(found),
        [seen for seen, _ in found.values()],
        [made.source_digest for _, made in found.values()],
        [made.html for _, made in found.values()],
        [made.text for _, made in found.values()],
    )
    await ctx.db.execute(_PIN, ctx.tenant.id, campaign_id, [row["variant"] for row in rows], pins)


async def pinned(ctx: Context, campaigns: Iterable[UUID]) -> Pinned:
    """The versions of approved campaigns; what is not approved has the templates of today."""
    rows = await ctx.db.fetch(_PINNED, ctx.tenant.id, list(set(campaigns)))
    pins = [(r["campaign_id"], r["variant"], msgspec.json.decode(r["templates"])) for r in rows]
    known = await _load(ctx, {digest for *_, digests in pins for digest in digests.values()})
    return {
        (campaign, variant): {flags: known[digest] for flags, digest in digests.items()}
        for campaign, variant, digests in pins
    }


async def _load(ctx: Context, digests: set[str]) -> dict[str, compiling.Template]:
    tenant = ctx.tenant.id
    found = {one: _versions[tenant, one] for one in digests if (tenant, one) in _versions}
    rows = []
    if unknown := digests - found.keys():
        rows = await ctx.db.fetch(
            """SELECT name, digest, source_digest, html, text FROM pipeline_template
               WHERE tenant_id = $1 AND digest = ANY($2)""",
            tenant,
            list(unknown),
        )
    for row in rows:
        found[row["digest"]] = _versions[tenant, row["digest"]] = compiling.Template(**row)
    while len(_versions) > KEPT:
        del _versions[next(iter(_versions))]
    return found
