"""plan shows every difference, apply makes it so once and for all, or changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.tenancy import switches, sync
from kernel.tenancy.core import Core
from kernel.tenancy.difference import Change, Plan

Write = Callable[..., None]
Told = list[tuple[str, str, str]]


def shown(plan: Plan, tenant: str = "shop") -> set[tuple[str, str, object, object]]:
    return {(c.what, c.field, c.old, c.new) for c in plan.changes if c.tenant == tenant}


async def everything(core: Core) -> list[object]:
    async with core.system_scope("test") as unit:
        return [
            await unit.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("tenancy_reseller", "tenancy_tenant", "tenancy_plugin", "tenancy_audit")
        ]


async def test_plan_changes_nothing_and_apply_makes_it_so(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme", '[brand]\ncolour = "#112233"\n')
    write("acme/shop", "[plugins.greeter]\ndays = 7\n")
    before = await everything(toy_core)
    plan = await sync.plan(toy_core, folder)
    assert await everything(toy_core) == before and told == []
    assert ("added", "", None, None) in shown(plan)
    assert ("added", "timezone", None, "Europe/Berlin") in shown(plan)
    assert ("added", "sender.email", None, "hello@alder.example") in shown(plan)
    assert ("added", "plugins.greeter", None, "on") in shown(plan)
    assert ("added", "plugins.greeter.days", None, 7) in shown(plan)
    # The fixture's own tenants stand in the database and in no file: shown, and left alone.
    assert {(c.what, c.tenant) for c in plan.changes if c.tenant in {"alpha", "bravo"}} == {
        ("not in the files", "alpha"),
        ("not in the files", "bravo"),
    }
    applied = await sync.apply(toy_core, folder, "tester")
    assert applied == plan
    assert sorted(told) == [("enabled", "greeter", "shop"), ("enabled", "guard", "shop")]
    async with toy_core.tenant_scope("shop") as ctx:
        assert ctx.tenant.name == "Alder & Oak" and ctx.tenant.reseller_id == "acme"
        assert ctx.enabled == {"greeter", "guard"}
        lines = await ctx.db.fetch("SELECT actor, action FROM tenancy_audit ORDER BY id")
        assert [tuple(line) for line in lines] == [
            ("tester", "reseller.added"),
            ("tester", "tenant.added"),
        ]
    async with toy_core.tenant_scope("alpha") as ctx:
        assert ctx.tenant.name == "Alpha"


async def test_apply_again_changes_nothing(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme/shop", "[plugins.greeter]\nhours = {start = 21}\n[plugins.guard]\nstrict = false\n")
    await sync.apply(toy_core, folder, "tester")
    told.clear()
    before = await everything(toy_core)
    assert not (await sync.plan(toy_core, folder)).pending
    assert not (await sync.apply(toy_core, folder, "tester")).pending
    assert await everything(toy_core) == before and told == []


async def test_changes_are_shown_from_old_to_new(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme/shop", "[plugins.greeter]\ndays = 7\n[plugins.caller]\n")
    await sync.apply(toy_core, folder, "tester")
    told.clear()
    write("acme", base='name = "Acme Two"\n')
    write("beta")
    (folder / "acme/shop").rename(folder / "beta/shop")
    write("beta/shop", 'reply_to = "x@alder.example"\n[plugins.greeter]\ndays = 9\n')
    plan = await sync.plan(toy_core, folder)
    assert shown(plan) == {
        ("changed", "reseller", "acme", "beta"),
        ("changed", "sender.reply_to", "", "x@alder.example"),
        ("changed", "plugins.greeter.days", 7, 9),
        ("removed", "plugins.caller", "on", "off"),
    }
    assert Change(what="changed", reseller="acme", field="name", old="Acme", new="Acme Two") in (
        plan.changes
    )
    await sync.apply(toy_core, folder, "tester")
    assert told == [("disabled", "caller", "shop")]
    assert not (await sync.plan(toy_core, folder)).pending
    async with toy_core.tenant_scope("shop") as ctx:
        assert ctx.tenant.reseller_id == "beta"
        assert ctx.tenant.plugins == {"greeter": {"days": 9}}


async def test_what_the_admin_switched_is_drift(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme/shop", "[plugins.greeter]\ndays = 7\n")
    await sync.apply(toy_core, folder, "tester")
    async with toy_core.tenant_scope("shop", actor="merchant") as ctx:
        await switches.set_plugin(ctx, "caller", True)
        await switches.set_plugin(ctx, "greeter", True, {"days": 8, "tone": "plain"})
    plan = await sync.plan(toy_core, folder)
    assert shown(plan) == {
        ("drifted", "plugins.caller", "on", "off"),
        ("drifted", "plugins.greeter.days", 8, 7),
    }
    assert {c.by for c in plan.pending} == {"merchant"}
    await sync.apply(toy_core, folder, "tester")
    async with toy_core.tenant_scope("shop") as ctx:
        assert ctx.enabled == {"greeter", "guard"} and ctx.tenant.plugins["greeter"] == {"days": 7}


async def test_a_switch_turned_off_in_the_admin_is_drift(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop", "[plugins.greeter]\n")
    await sync.apply(toy_core, folder, "tester")
    async with toy_core.tenant_scope("shop", actor="merchant") as ctx:
        await switches.set_plugin(ctx, "greeter", False)
    assert shown(await sync.plan(toy_core, folder)) == {("drifted", "plugins.greeter", "off", "on")}


async def test_the_settings_of_a_mandatory_plugin_can_drift_but_not_its_switch(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop")
    await sync.apply(toy_core, folder, "tester")
    async with toy_core.tenant_scope("shop", actor="merchant") as ctx:
        await switches.set_plugin(ctx, "guard", True, {"strict": False})
    assert shown(await sync.plan(toy_core, folder)) == {
        ("drifted", "plugins.guard.strict", False, True)
    }
    await sync.apply(toy_core, folder, "tester")
    assert not (await sync.plan(toy_core, folder)).pending


async def test_one_bad_file_and_nothing_is_changed(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme/shop")
    write("acme/other", "[plugins.greeter]\ndays = 0\n")
    before = await everything(toy_core)
    for work in (sync.plan(toy_core, folder), sync.apply(toy_core, folder, "tester")):
        with pytest.raises(InvalidConfig):
            await work
    assert await everything(toy_core) == before and told == []


async def test_a_plugin_that_fails_when_switched_stops_nobody(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    write("acme/shop", "[plugins.greeter]\n")
    path = folder / "acme/shop/tenant.toml"
    path.write_text(path.read_text().replace("Alder & Oak", "Breaks", 1))
    failures = []
    toy_core.board.report = failures.append
    await sync.apply(toy_core, folder, "tester")
    assert {f.plugin for f in failures} == {"greeter", "guard"}
    assert not (await sync.plan(toy_core, folder)).pending
    async with toy_core.tenant_scope("shop") as ctx:
        assert "greeter" in ctx.enabled


async def test_a_tenant_that_left_the_files_stays(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop")
    await sync.apply(toy_core, folder, "tester")
    (folder / "acme/shop/tenant.toml").unlink()
    (folder / "acme/shop").rmdir()
    plan = await sync.apply(toy_core, folder, "tester")
    assert not plan.pending
    assert Change(what="not in the files", reseller="acme", tenant="shop") in plan.changes
    async with toy_core.tenant_scope("shop") as ctx:
        assert ctx.tenant.name == "Alder & Oak"


async def test_two_at_once_do_the_work_once(
    toy_core: Core, folder: Path, write: Write, told: Told
) -> None:
    import asyncio

    write("acme/shop", "[plugins.greeter]\n")
    plans = await asyncio.gather(*(sync.apply(toy_core, folder, "tester") for _ in range(3)))
    assert sum(bool(plan.pending) for plan in plans) == 1
    assert told.count(("enabled", "greeter", "shop")) == 1


def test_a_plan_is_json(toy_board: object) -> None:
    plan = Plan(changes=(Change(what="added", reseller="acme", tenant="shop"),))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
