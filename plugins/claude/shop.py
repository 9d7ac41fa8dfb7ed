"""What is told of the shop and its campaign: what everybody may see, as the merchant wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugins.claude.facts import plain

if TYPE_CHECKING:
    from kernel.sdk import Campaign, Context

PRODUCTS = 20
VOICE = 500

_CATALOGUE = """
SELECT title, product_type, tags, price::float8 AS price FROM profiles_product
WHERE tenant_id = $1 AND is_product AND status NOT IN ('archived', 'draft') ORDER BY id LIMIT $2
"""


async def of_tenant(tx: Context) -> dict[str, Any]:
    """Shop, brand and catalogue. Holds no sender, no address, no customer."""
    products = await tx.db.fetch(_CATALOGUE, tx.tenant.id, PRODUCTS)
    return {
        "shop": plain(tx.tenant.brand.name or tx.tenant.name),
        "currency": tx.tenant.currency,
        "catalogue": [
            {
                "title": plain(row["title"]),
                "type": plain(row["product_type"]),
                "tags": [plain(tag) for tag in row["tags"][:10]],
                "price": row["price"],
            }
            for row in products
        ],
    }


async def of_writing(tx: Context) -> dict[str, Any]:
    """The same, with how the shop speaks."""
    return {**await of_tenant(tx), "voice": plain(tx.tenant.brand.voice, VOICE)}


async def of_campaign(tx: Context, campaign: Campaign, offers: list[str]) -> dict[str, Any]:
    """The same, with the campaign and the offers it may make."""
    return {
        **await of_tenant(tx),
        "campaign": {"type": campaign.campaign_type, "title": plain(campaign.title)},
        "offers": offers,
    }
