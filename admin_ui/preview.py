"""The preview of a variant's mail: how wide, with images or without, dark, as plain text. All by links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response

from admin_ui.view import Req, query
from kernel.contracts.base import Frozen
from kernel.mail.showing import shown
from kernel.pipeline import campaigns, previews

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.delivery import Rendered
    from kernel.pipeline.campaigns import CampaignView
    from kernel.pipeline.variants import Variant
    from kernel.sdk import Context

# Styles of mails are inline. No script, no form, no link out of the frame; pictures by https only.
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; "
    "font-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
NO_IMAGES = MAIL_POLICY.replace("img-src https: data:", "img-src 'none'")
WIDTHS = (360, 600, 900)
"""Pixels: a phone, the pane of a mail program, a wide window."""


class Look(Frozen):
    """How the mail is shown: what stands in the address of the page."""

    variant: str = ""
    width: int = 600
    images: bool = True
    dark: bool = False
    plain: bool = False

    def to(self, path: str, **change: Any) -> str:
        """The same page with something changed."""
        look = msgspec.structs.replace(self, **change)
        return query(
            path,
            variant=look.variant,
            width=look.width if look.width != 600 else "",
            images="" if look.images else "off",
            dark="on" if look.dark else "",
            plain="on" if look.plain else "",
        )


def look_of(request: Req) -> Look:
    """What the address of a page says; what it does not know counts as not said."""
    said = request.query_params
    width = said.get("width", "")
    return Look(
        variant=said.get("variant", ""),
        width=int(width) if width in map(str, WIDTHS) else 600,
        images=said.get("images") != "off",
        dark=said.get("dark") == "on",
        plain=said.get("plain") == "on",
    )


def answer(rendered: Rendered, look: Look) -> Response[str]:
    """The mail alone, under a policy that lets nothing in it act."""
    page = shown(rendered.html, "dark" if look.dark else "light")
    return Response(
        rendered.text if look.plain else page,
        media_type=f"text/{'plain' if look.plain else 'html'}; charset=utf-8",
        headers={"Content-Security-Policy": MAIL_POLICY if look.images else NO_IMAGES},
    )


async def parts(
    ctx: Context, request: Req, campaign: CampaignView, listed: list[Variant], here: str
) -> dict[str, Any]:
    """What `preview.html` draws: the variants, the chosen one, its mail and what is wrong with it.

    Args:
        ctx: the tenant.
        request: its address says which variant and how.
        campaign: whose words.
        listed: its variants.
        here: the path of the page.
    """
    look = look_of(request)
    words = [one for one in listed if one.messages or one.name == look.variant]
    chosen = next((one for one in words if one.name == look.variant), words[0] if words else None)
    found = await previews.check(ctx, campaign.id, [chosen.name]) if chosen else []
    look = msgspec.structs.replace(look, variant=chosen.name if chosen else "")
    return {
        "variants": words,
        "chosen": chosen,
        "preheader": campaigns.fill(chosen.copy.preheader, shop_name=ctx.tenant.name)
        if chosen
        else "",
        "rendered": found[0].rendered if found else None,
        "findings": found[0].findings if found else (),
        "look": look,
        "widths": WIDTHS,
        "here": here,
        "source": look.to(f"/app/approvals/{campaign.id}/mail", width=600),
    }


async def findings(ctx: Context, campaign_id: UUID, listed: list[Variant]) -> dict[str, Any]:
    """What is wrong with the mail of each variant that is used, by its name."""
    names = [one.name for one in listed if one.messages]
    found = await previews.check(ctx, campaign_id, names) if names else []
    return {one.variant: one.findings for one in found}
