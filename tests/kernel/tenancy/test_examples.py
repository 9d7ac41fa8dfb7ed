"""The shops that come with the repository are valid, differ, and one is the demo's sandbox."""

from __future__ import annotations

import base64
from pathlib import Path
from xml.etree import ElementTree

from kernel.plugboard.board import Plugboard
from kernel.tenancy.core import Core
from kernel.tenancy.files import load
from kernel.tenancy.sync import apply, plan

TENANTS = Path(__file__).parents[3] / "tenants"
DEMO = {"files", "rules", "welcome", "winback", "reengage", "upsell", "recommend", "rfm", "churn"}
DEMO |= {"affinity", "discounts", "cadence", "outbox", "sandbox", "tracking"}


def test_two_resellers_and_three_shops_with_different_plugins(board: Plugboard) -> None:
    found = load(TENANTS, board)
    assert len(found.resellers) == 2 and len(found.tenants) == 3
    sets = [frozenset(shop.file.plugins) for shop in found.tenants.values()]
    assert len(set(sets)) == 3 and DEMO in sets
    assert len({shop.file.timezone for shop in found.tenants.values()}) == 3
    assert len({shop.file.brand.colour for shop in found.tenants.values()}) == 3


def test_logos_are_plain_drawings(board: Plugboard) -> None:
    found = load(TENANTS, board)
    brands = [file.brand for file in found.resellers.values()]
    brands += [shop.file.brand for shop in found.tenants.values()]
    for brand in brands:
        head, _, body = brand.logo_url.partition(",")
        assert head == "data:image/svg+xml;base64" and len(body) < 2000
        tags = {
            e.tag.rpartition("}")[2] for e in ElementTree.fromstring(base64.b64decode(body)).iter()
        }
        assert tags <= {"svg", "circle", "rect", "path"}


async def test_they_apply_to_an_empty_installation(core: Core) -> None:
    assert (await apply(core, TENANTS, "tester")).pending
    assert not (await plan(core, TENANTS)).pending
    async with core.tenant_scope("alder-and-oak") as ctx:
        assert ctx.enabled >= DEMO
        # Only dark colours let white letters stand on them.
        for colour in (ctx.tenant.brand.colour, ctx.tenant.brand.accent):
            red, green, blue = bytes.fromhex(colour[1:])
            assert 0.299 * red + 0.587 * green + 0.114 * blue < 150
