"""What other plugins are told through `kernel.sdk.recommend`, from real traits in Postgres."""

from __future__ import annotations

from kernel.models import run
from kernel.sdk import Context, note_offers, recommend, traits_of
from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope
from kernel.testing.clock import TurnedClock
from plugins.affinity import offers
from tests.plugins.affinity.stored import shop


async def skus(ctx: Context, who: int, slot: str, k: int = 3) -> list[str]:
    found = await recommend(ctx, [who], slot, k)  # type: ignore[arg-type]
    return [one.sku for one in found.get(who, [])]


async def test_both_slots_with_reasons(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        again = (await recommend(ctx, list(ids.values()), "again", 2))[ids["ada"]]
        assert [(one.sku, one.slot, one.rank) for one in again] == [
            ("tea", "again", 1),
            ("cup", "again", 2),
        ]
        assert again[0].reason == "bought 3 times, last on 17 March 2026"
        new = (await recommend(ctx, [ids["ada"]], "new"))[ids["ada"]]
        assert new[0].sku == "pot"
        assert new[0].reason.endswith("orders with Oolong <b>tea</b> had it too")
        traits = (await traits_of(ctx, [ids["ada"]]))[ids["ada"]]
        assert traits["affinity.again"][0] == {
            "sku": "tea",
            "score": 3.0,
            "reason": again[0].reason,
        }
        assert await skus(ctx, 999_999, "new") == []


async def test_nothing_is_written_twice(core: Core) -> None:
    await shop(core)
    done = await run.score(await core.detached("alpha"), ["affinity"])
    assert done["affinity"].customers == 33 and done["affinity"].written == 0


async def test_what_went_out_of_stock_since_is_left_out(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        for change in ("inventory = 0", "status = 'draft'", "is_product = false"):
            await ctx.db.execute(f"UPDATE profiles_product SET {change} WHERE sku = 'tea'")
            assert "tea" not in await skus(ctx, ids["ada"], "again")
            assert "tea" not in await skus(ctx, ids["bob"], "new")
            assert "tea" not in await skus(ctx, ids["bob"], "popular")
            await ctx.db.execute(
                "UPDATE profiles_product SET inventory = NULL, status = 'active', is_product = true"
            )
        assert "tea" in await skus(ctx, ids["ada"], "again")


async def test_what_was_bought_since_is_not_new(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        assert "pot" in await skus(ctx, ids["ada"], "new")
        order = "INSERT INTO profiles_order (tenant_id, external_id, customer_id, ordered_at, amount, currency) VALUES ('alpha', 'late', $1, $2, 12, 'EUR') RETURNING id"
        number = await ctx.db.fetchval(order, ids["ada"], ctx.now)
        await ctx.db.execute(
            "INSERT INTO profiles_order_line (tenant_id, order_id, line_no, sku, title, quantity, unit_price) "
            "VALUES ('alpha', $1, 1, 'pot', '', 1, 12)",
            number,
        )
        assert "pot" not in await skus(ctx, ids["ada"], "new")


async def test_what_was_offered_is_quiet_for_a_while(core: Core, clock: TurnedClock) -> None:
    ids = await shop(core)
    ada, bob = ids["ada"], ids["bob"]
    async with core.tenant_scope("alpha") as ctx:
        await note_offers(ctx, [(ada, "tea"), (ada, "tea"), (ada, "pot")])
        await note_offers(ctx, [])
        assert "tea" in await skus(ctx, ada, "again")  # the same mail, made again
    clock.turn(days=1)
    async with core.tenant_scope("alpha") as ctx:
        assert "tea" not in await skus(ctx, ada, "again")
        assert "pot" not in await skus(ctx, ada, "new")
        assert "tea" in await skus(ctx, bob, "new")
        assert len((await offers.export(ctx, ada)).rows["affinity_offer"]) == 2
        await note_offers(ctx, [(ada, "tea")])
    clock.turn(days=29.5)
    async with core.tenant_scope("alpha") as ctx:
        assert "tea" not in await skus(ctx, ada, "again")
        assert "pot" in await skus(ctx, ada, "new")
        assert (await offers.erase(ctx, ada)).rows == 2
        assert "tea" in await skus(ctx, ada, "again")


async def test_old_offers_are_forgotten(core: Core, clock: TurnedClock) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await offers.note(ctx, [(1, "tea")])
    clock.turn(days=400)
    async with core.tenant_scope("alpha") as ctx:
        await offers.note(ctx, [(1, "pot")])
        await core.board.jobs["affinity.forget"].value.run(ctx, {})
        rows = await ctx.db.fetch("SELECT sku FROM affinity_offer")
        assert [row["sku"] for row in rows] == ["pot"]


async def test_popular_is_for_anyone(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        found = await recommend(ctx, [ids["ada"], 999_999], "popular", 2)
        assert len(found[999_999]) == 2 and found[999_999][0].reason.startswith("popular now: ")
        assert {one.sku for one in found[ids["ada"]]}.isdisjoint({"tea", "cup"})


async def test_without_a_model_there_is_nothing(alpha: TenantScope) -> None:
    assert await recommend(alpha, [1], "popular") == {}
    assert await recommend(alpha, [1], "new") == {}
