"""What a merchant or an operator turns: plugins, the stop of a shop or of everything, the clock."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.base import canonical
from kernel.contracts.errors import Conflict, Forbidden, InvalidConfig, InvalidInput, NotFound
from kernel.tenancy import audit, health
from kernel.tenancy.checks import Fault, check_struct, did_you_mean
from kernel.tenancy.scope import TenantScope, load_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core

SAVE_PLUGIN = """
INSERT INTO tenancy_plugin (tenant_id, plugin, enabled, settings, updated_by)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, plugin) DO UPDATE SET enabled = excluded.enabled,
  settings = excluded.settings, updated_by = excluded.updated_by, updated_at = now()
"""


class WrongSettings(InvalidConfig):
    """Settings of a plugin that its Struct refuses; `faults` stand beside the form's fields."""

    def __init__(self, plugin: str, faults: list[Fault]) -> None:
        super().__init__(
            f"The settings of plugin `{plugin}` are not valid.",
            f"See `mailwright plugins show {plugin}` for its settings.",
            tuple(str(fault) for fault in faults),
        )
        self.faults = faults


async def set_plugin(
    ctx: Context, plugin: str, enabled: bool, settings: Mapping[str, Any] | None = None
) -> None:
    """Switch a plugin on or off for the tenant, or change its settings, and tell the plugin.

    Args:
        ctx: the tenant; its `enabled` and settings stay as they are until the next scope.
        plugin: its name.
        enabled: on or off.
        settings: plain data for its settings Struct, in full; None keeps what is stored.

    Raises:
        NotFound: no such plugin is installed.
        WrongSettings: with every fault.
        Conflict: it is mandatory, needs another plugin, or another one needs it.
    """
    scope = _scope(ctx)
    board = scope.core.board
    _refuse(board, scope, plugin, enabled)
    was_on, before = await _stored(ctx, plugin)
    kind = board.plugins[plugin].manifest.settings
    if settings is not None and (faults := check_struct(kind, settings)):
        raise WrongSettings(plugin, faults)
    after = before if settings is None else msgspec.to_builtins(dict(settings))
    await ctx.db.execute(
        SAVE_PLUGIN, ctx.tenant.id, plugin, enabled, canonical(after).decode(), ctx.actor
    )
    if enabled != (was_on or plugin in board.mandatory):
        await audit.record(ctx, "plugin.enabled" if enabled else "plugin.disabled", plugin)
        await tell(scope, frozenset({plugin} if enabled else ()), frozenset({plugin}))
    if after != before:
        names = {n for n in {**before, **after} if before.get(n) != after.get(n)}
        await audit.record(ctx, "plugin.settings", plugin, changed=sorted(names))


async def stored_settings(ctx: Context, plugin: str) -> dict[str, Any]:
    """The settings of an installed plugin as plain data, with defaults, whether it is on or off."""
    _, raw = await _stored(ctx, plugin)
    kind = _scope(ctx).core.board.plugins[plugin].manifest.settings
    try:
        found = msgspec.convert(raw, kind, strict=False)
        raw = {}
    except msgspec.ValidationError:  # as after an upgrade: show what is there, to be corrected
        found = kind()
    full: dict[str, Any] = msgspec.to_builtins(found)
    return full | {name: value for name, value in raw.items() if name in full}


async def _stored(ctx: Context, plugin: str) -> tuple[bool, dict[str, Any]]:
    row = await ctx.db.fetchrow(
        "SELECT enabled, settings FROM tenancy_plugin WHERE tenant_id = $1 AND plugin = $2",
        ctx.tenant.id,
        plugin,
    )
    return (row["enabled"], msgspec.json.decode(row["settings"])) if row else (False, {})


def _refuse(board: Plugboard, scope: TenantScope, plugin: str, enabled: bool) -> None:
    if plugin not in board.plugins:
        fix = did_you_mean(plugin, board.plugins, otherwise="See `mailwright plugins list`.")
        raise NotFound(f"There is no plugin `{plugin}`.", fix)
    if not enabled and plugin in board.mandatory:
        raise Conflict(
            f"The plugin `{plugin}` is on for every tenant and cannot be switched off.",
            "The operator of this installation names such plugins in MAILWRIGHT_MANDATORY_PLUGINS.",
        )
    chosen = set(scope.tenant.plugins) - {plugin} | ({plugin} if enabled else set())
    # What was incomplete before, such as after an upgrade, must not stop other changes.
    known = set(board.missing_requirements(set(scope.tenant.plugins)))
    if missing := set(board.missing_requirements(chosen)) - known:
        needs = " ".join(f"`{one}` needs `{other}`." for one, other in sorted(missing))
        first = "Switch on what is needed first." if enabled else "Switch off what needs it first."
        raise Conflict(f"{needs}", first)


async def tell(scope: TenantScope, on: frozenset[str], switched: frozenset[str]) -> None:
    """Let the plugins in `switched` know that they are now on, if in `on`, else off; what failed in
    those that are off is over.
    """
    fresh = await load_tenant(scope.db, scope.tenant.id)
    if fresh is None:
        return
    now = TenantScope(scope.core, scope.db, fresh, scope.actor)
    if on & switched:
        await scope.core.board.notify("tenant_enabled", on & switched, ctx=now)
    if switched - on:
        for plugin in sorted(switched - on):
            await health.clear(scope, plugin)
        await scope.core.board.notify("tenant_disabled", switched - on, ctx=now)


async def halt_tenant(ctx: Context, reason: str) -> bool:
    """Stop all sending of the tenant at the next message; False when it was stopped already."""
    tag = await ctx.db.execute(
        """UPDATE tenancy_tenant SET halted_at = $2, halted_by = $3, halted_reason = $4
           WHERE tenant_id = $1 AND halted_at IS NULL""",
        ctx.tenant.id,
        ctx.now,
        ctx.actor,
        _reason(reason),
    )
    if tag == "UPDATE 0":
        return False
    await audit.record(ctx, "tenant.halted", reason=reason)
    return True


async def resume_tenant(ctx: Context, reason: str = "") -> bool:
    """Let the tenant send again; False when it was not stopped."""
    tag = await ctx.db.execute(
        """UPDATE tenancy_tenant SET halted_at = NULL, halted_by = '', halted_reason = ''
           WHERE tenant_id = $1 AND halted_at IS NOT NULL""",
        ctx.tenant.id,
    )
    if tag == "UPDATE 0":
        return False
    await audit.record(ctx, "tenant.resumed", reason=reason)
    return True


async def halt_everything(core: Core, actor: str, reason: str) -> bool:
    """Stop all sending of all tenants; every tenant's audit trail tells. False: was stopped."""
    return await _switch(core, actor, "everything.halted", _reason(reason), core.clock.now())


async def resume_everything(core: Core, actor: str, reason: str = "") -> bool:
    """Let everybody send again, but for tenants stopped by themselves. False: was not stopped."""
    return await _switch(core, actor, "everything.resumed", reason, None)


async def _switch(core: Core, actor: str, action: str, reason: str, at: datetime | None) -> bool:
    async with core.system_scope(action) as unit:
        tag = await unit.execute(
            """UPDATE tenancy_switch SET halted_at = $1, halted_by = $2, halted_reason = $3
               WHERE (halted_at IS NULL) = ($1::timestamptz IS NOT NULL)""",
            at,
            actor if at else "",
            reason if at else "",
        )
        if tag == "UPDATE 0":
            return False
        await unit.execute(
            """INSERT INTO tenancy_audit (tenant_id, actor, action, detail)
               SELECT tenant_id, $1, $2, jsonb_build_object('reason', $3::text) FROM tenancy_tenant""",
            actor,
            action,
            reason,
        )
    return True


async def set_clock(ctx: Context, at: datetime | None, *, force: bool = False) -> None:
    """Set the tenant's own clock, which then stands still until set again; None: real time again.

    Raises:
        Forbidden: this is production, where mail must not be sent at pretended times.
        Conflict: it would go backwards, and `force` is False.
    """
    scope = _scope(ctx)
    if scope.core.production:
        raise Forbidden("In production a shop's clock cannot be set.", "Use a trial installation.")
    if at is not None and at.tzinfo is None:
        raise InvalidInput("A time without a time zone.", "Write it as 2026-06-15T10:00:00Z.")
    at = at.astimezone(UTC) if at else None  # now is UTC everywhere
    target = at or scope.core.clock.now()
    if target < ctx.now and not force:
        raise Conflict(
            f"The clock of `{ctx.tenant.id}` stands at {ctx.now:%Y-%m-%d %H:%M} UTC and would go back.",
            "Frequency caps and consent count on time going forward; `--force` is for trials only.",
        )
    await ctx.db.execute(
        "UPDATE tenancy_tenant SET clock_at = $2 WHERE tenant_id = $1", ctx.tenant.id, at
    )
    await audit.record(ctx, "clock.set", at=at.isoformat() if at else None)
    scope.tenant = msgspec.structs.replace(scope.tenant, clock_at=at)


def _scope(ctx: Any) -> TenantScope:
    if not isinstance(ctx, TenantScope):
        raise TypeError(f"a tenant's scope is needed, not {type(ctx).__name__}")
    return ctx


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput(
            "A stop needs a reason.", "Say in a few words why; the merchant sees it."
        )
    return reason.strip()
