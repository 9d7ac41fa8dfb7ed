"""Plugins, stops and the clock: each does its one thing, tells the audit, and refuses the rest."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from kernel.contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from kernel.tenancy import audit, switches
from kernel.tenancy.core import Core

Told = list[tuple[str, str, str]]


async def trail(core: Core, tenant: str = "bravo") -> list[tuple[str, str]]:
    async with core.tenant_scope(tenant) as ctx:
        return [(row["action"], row["subject"]) for row in (await audit.page(ctx)).rows]


async def test_a_plugin_is_switched_on_and_off_and_told(toy_core: Core, told: Told) -> None:
    async with toy_core.tenant_scope("bravo", actor="merchant") as ctx:
        await switches.set_plugin(ctx, "greeter", True, {"days": "7"})
    async with toy_core.tenant_scope("bravo", actor="merchant") as ctx:
        assert "greeter" in ctx.enabled and ctx.tenant.plugins["greeter"] == {"days": "7"}
        await switches.set_plugin(ctx, "greeter", True, {"days": 9})  # on already: not told again
        await switches.set_plugin(ctx, "greeter", False)
    async with toy_core.tenant_scope("bravo") as ctx:
        assert ctx.enabled == {"guard"}
        row = await ctx.db.fetchrow("SELECT * FROM tenancy_plugin")
        assert row["settings"] == '{"days": 9}' and row["updated_by"] == "merchant"
    assert told == [("enabled", "greeter", "bravo"), ("disabled", "greeter", "bravo")]
    assert await trail(toy_core) == [
        ("plugin.disabled", "greeter"),
        ("plugin.settings", "greeter"),
        ("plugin.settings", "greeter"),
        ("plugin.enabled", "greeter"),
    ]
    async with toy_core.tenant_scope("alpha") as ctx:
        assert not await ctx.db.fetch("SELECT FROM tenancy_audit")


async def test_what_a_plugin_needs_is_asked_for(toy_core: Core, told: Told) -> None:
    async with toy_core.tenant_scope("bravo") as ctx:
        with pytest.raises(Conflict, match=r"`caller` needs `greeter`\. Switch on"):
            await switches.set_plugin(ctx, "caller", True)
        await switches.set_plugin(ctx, "greeter", True)
    async with toy_core.tenant_scope("bravo") as ctx:
        await switches.set_plugin(ctx, "caller", True)
    async with toy_core.tenant_scope("bravo") as ctx:
        with pytest.raises(Conflict, match=r"`caller` needs `greeter`\. Switch off"):
            await switches.set_plugin(ctx, "greeter", False)
        with pytest.raises(Conflict, match="on for every tenant"):
            await switches.set_plugin(ctx, "guard", False)
        with pytest.raises(NotFound, match="Did you mean `greeter`"):
            await switches.set_plugin(ctx, "greetr", True)
        assert ctx.enabled == {"guard", "greeter", "caller"}
    assert told == [("enabled", "greeter", "bravo"), ("enabled", "caller", "bravo")]


async def test_wrong_settings_tell_every_fault_by_field(toy_core: Core, told: Told) -> None:
    async with toy_core.tenant_scope("bravo") as ctx:
        with pytest.raises(switches.WrongSettings) as caught:
            await switches.set_plugin(ctx, "greeter", True, {"days": "0", "tone": "x", "no": 1})
        assert {fault.path for fault in caught.value.faults} == {"days", "tone", "no"}
        assert not await ctx.db.fetch("SELECT FROM tenancy_plugin")
    assert told == [] and await trail(toy_core) == []


async def test_stored_settings_are_whole_and_survive_what_is_not_valid(toy_core: Core) -> None:
    async with toy_core.tenant_scope("bravo") as ctx:
        assert (await switches.stored_settings(ctx, "greeter"))["days"] == 30
        await switches.set_plugin(ctx, "greeter", False, {"days": "7"})
        assert (await switches.stored_settings(ctx, "greeter"))["days"] == 7
        await ctx.db.execute("""UPDATE tenancy_plugin SET settings = '{"days": 0, "gone": 1}'""")
        found = await switches.stored_settings(ctx, "greeter")
        assert found["days"] == 0 and found["tone"] == "plain" and "gone" not in found


async def test_a_tenant_is_stopped_and_goes_on(toy_core: Core) -> None:
    async with toy_core.tenant_scope("bravo", actor="op") as ctx:
        with pytest.raises(InvalidInput, match="needs a reason"):
            await switches.halt_tenant(ctx, " ")
        assert await switches.halt_tenant(ctx, "wrong prices")
        assert not await switches.halt_tenant(ctx, "again")
    async with toy_core.tenant_scope("bravo") as ctx:
        assert ctx.tenant.halted_at == ctx.now and ctx.tenant.halted_reason == "wrong prices"
        assert await switches.resume_tenant(ctx)
        assert not await switches.resume_tenant(ctx)
    async with toy_core.tenant_scope("alpha") as ctx:
        assert ctx.tenant.halted_at is None
    assert await trail(toy_core) == [("tenant.resumed", ""), ("tenant.halted", "")]


async def test_everything_is_stopped_and_goes_on(toy_core: Core) -> None:
    assert not await switches.resume_everything(toy_core, "op")
    assert await switches.halt_everything(toy_core, "op", "provider is down")
    assert not await switches.halt_everything(toy_core, "op", "again")
    async with toy_core.tenant_scope("bravo") as ctx:
        row = await ctx.db.fetchrow("SELECT * FROM tenancy_switch")
        assert (
            row["halted_at"] == toy_core.clock.now() and row["halted_reason"] == "provider is down"
        )
    assert await switches.resume_everything(toy_core, "op")
    async with toy_core.tenant_scope("bravo") as ctx:
        assert await ctx.db.fetchval("SELECT halted_at FROM tenancy_switch") is None
    for tenant in ("alpha", "bravo"):
        assert await trail(toy_core, tenant) == [
            ("everything.resumed", ""),
            ("everything.halted", ""),
        ]


async def test_the_clock_goes_forward_only_and_never_in_production(toy_core: Core) -> None:
    now = toy_core.clock.now()
    async with toy_core.tenant_scope("bravo") as ctx:
        await switches.set_clock(ctx, now + timedelta(days=3))
        assert ctx.now == now + timedelta(days=3)
        with pytest.raises(Conflict, match="would go back"):
            await switches.set_clock(ctx, now + timedelta(days=2))
        with pytest.raises(Conflict, match="would go back"):
            await switches.set_clock(ctx, None)
        await switches.set_clock(ctx, datetime(2011, 9, 10, tzinfo=UTC), force=True)
        with pytest.raises(InvalidInput, match="time zone"):
            await switches.set_clock(ctx, datetime(2027, 1, 1))  # noqa: DTZ001
    async with toy_core.tenant_scope("bravo") as ctx:
        assert ctx.now == datetime(2011, 9, 10, tzinfo=UTC)
        await switches.set_clock(ctx, None)
        assert ctx.now == now
    async with toy_core.tenant_scope("alpha") as ctx:
        assert ctx.now == now
    production = dataclasses.replace(toy_core, production=True)
    async with production.tenant_scope("bravo") as ctx:
        with pytest.raises(Forbidden):
            await switches.set_clock(ctx, now + timedelta(days=3), force=True)
