"""Variants: every version is kept, an edit can be undone, and each can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.errors import NotFound
from kernel.pipeline import approvals, messages, variants
from tests.kernel.pipeline.words import writer as module
from tests.kernel.pipeline.words.shop import customers, propose

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


async def test_every_version_is_kept_and_an_edit_can_be_undone(shop: Core) -> None:
    await customers(shop)
    campaign_id = await propose(shop)
    mine = msgspec.structs.replace(module.WROTE, subject="Now 20 % off")
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.edit(ctx, campaign_id, "friendly", mine, why="bolder")
        [one] = [v for v in await variants.listing(ctx, campaign_id) if v.messages]
        assert list(one.warnings) == ["subject"]
        assert (one.version, one.edited_by, one.original) == (3, "merchant", module.WROTE)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await variants.restore(ctx, campaign_id, "friendly", why="too bold")
    async with shop.tenant_scope("alpha") as ctx:
        known = await variants.versions(ctx, campaign_id, "friendly")
        assert [(v.version, v.action, v.source, v.actor, v.why) for v in known] == [
            (4, "restore", "merchant", "merchant", "too bold"),
            (3, "edit", "merchant", "merchant", "bolder"),
            (2, "write", "pen", "system", ""),
            (1, "propose", "template", "system", ""),
        ]
        assert known[0].copy == module.WROTE
        assert [act.action for act in await approvals.history(ctx, campaign_id)] == [
            "restore",
            "edit",
        ]
        await variants.restore(ctx, campaign_id, "friendly", 1)
        assert (await variants.copies(ctx, campaign_id))["friendly"] == module.ENGLISH
        for version in (0, 9):
            with pytest.raises(NotFound):
                await variants.restore(ctx, campaign_id, "friendly", version)
        with pytest.raises(NotFound):
            await variants.versions(ctx, campaign_id, "nothing")
    async with shop.tenant_scope("bravo") as ctx:
        with pytest.raises(NotFound):
            await variants.versions(ctx, campaign_id, "friendly")
        with pytest.raises(NotFound):
            await variants.preview(ctx, campaign_id, "friendly")


async def test_versions_cannot_be_changed(shop: Core) -> None:
    await customers(shop)
    await propose(shop)
    for sql in (
        "UPDATE pipeline_variant_version SET why = 'x'",
        "DELETE FROM pipeline_variant_version",
    ):
        with pytest.raises(Exception, match="permission denied"):
            async with shop.tenant_scope("alpha") as ctx:
                await ctx.db.execute(sql)


async def test_a_preview_is_for_any_customer(shop: Core) -> None:
    await customers(shop, first_name="Ada")
    await customers(shop, locale="de", first_name="Bea")
    campaign_id = await propose(shop)
    async with shop.tenant_scope("alpha") as ctx:
        by_name = {m.customer_name.split()[0]: m for m in await messages.page(ctx, campaign_id)}
        assert "Hello Bea" in (await variants.preview(ctx, campaign_id, "friendly.de")).text
        other = await variants.preview(ctx, campaign_id, "friendly.de", by_name["Ada"].customer_id)
        assert "Hello Ada" in other.text
        with pytest.raises(NotFound):
            await variants.preview(ctx, campaign_id, "friendly", 999_999_999)
        with pytest.raises(NotFound):
            await variants.preview(ctx, campaign_id, "nothing")
