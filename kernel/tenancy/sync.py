"""`tenants plan` and `tenants apply`: the files on one side, the database on the other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kernel.contracts.base import canonical
from kernel.contracts.errors import NotFound
from kernel.db.uow import APP_ROLE, SYSTEM_ROLE, UnitOfWork
from kernel.tenancy import templates
from kernel.tenancy.difference import APPLIED, Change, Plan, State, compare, read_state, wanted
from kernel.tenancy.files import Configuration, Hosts, Shop, load
from kernel.tenancy.scope import TenantScope, load_tenant
from kernel.tenancy.switches import SAVE_PLUGIN, tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core

LOCK = 0x74656E61  # "tena": one apply at a time

_SAVE_RESELLER = """
INSERT INTO tenancy_reseller (reseller_id, name, brand) VALUES ($1, $2, $3)
ON CONFLICT (reseller_id) DO UPDATE SET name = excluded.name, brand = excluded.brand,
  updated_at = now()
"""
_SAVE_TENANT = """
INSERT INTO tenancy_tenant (tenant_id, reseller_id, name, timezone, currency, country, sender,
  postal_address, brand, autonomy, holdout_percent, sending)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (tenant_id) DO UPDATE SET reseller_id = excluded.reseller_id, name = excluded.name,
  timezone = excluded.timezone, currency = excluded.currency, country = excluded.country,
  sender = excluded.sender, postal_address = excluded.postal_address, brand = excluded.brand,
  autonomy = excluded.autonomy, holdout_percent = excluded.holdout_percent,
  sending = excluded.sending, updated_at = now()
"""
_SAVE_TEMPLATE = """
INSERT INTO tenancy_template (tenant_id, name, source, file) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, name) DO UPDATE SET source = excluded.source, file = excluded.file,
  updated_at = now()
"""
_DROP_TEMPLATE = "DELETE FROM tenancy_template WHERE tenant_id = $1 AND name = $2"
_AUDIT = """
INSERT INTO tenancy_audit (tenant_id, actor, action, subject, detail)
SELECT tenant_id, $2, $3, $4, $5 FROM tenancy_tenant WHERE tenant_id = $1 OR reseller_id = $4
"""


async def plan(core: Core, folder: Path, check: templates.Check = templates.unchecked) -> Plan:
    """The differences; changes nothing. `check` says what is wrong with templates.

    Raises:
        InvalidConfig: the files are not valid, with every problem.
    """
    async with core.system_scope("tenants plan") as unit:
        state = await read_state(unit)
    config = load(folder, core.board, check, _taken(core, state))
    return Plan(changes=tuple(compare(config, state, core.board)))


async def apply(
    core: Core, folder: Path, actor: str, check: templates.Check = templates.unchecked
) -> Plan:
    """Make the database say what the files say, in one transaction, and return what was changed.

    Run again, it changes nothing. Plugins that were switched are told in the same transaction.

    Raises:
        InvalidConfig: the files are not valid; nothing was changed.
    """
    async with core.system_scope("tenants apply") as unit:
        await unit.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        state = await read_state(unit)
        config = load(folder, core.board, check, _taken(core, state))
        found = Plan(changes=tuple(compare(config, state, core.board)))
        by_owner: dict[tuple[str, str], list[Change]] = {}
        for change in found.pending:
            by_owner.setdefault((change.reseller, change.tenant), []).append(change)
        for reseller, tenant in by_owner:
            if not tenant:
                file = config.resellers[reseller]
                await unit.execute(_SAVE_RESELLER, reseller, file.name, _json(file.brand))
        for (_, tenant), changes in by_owner.items():
            if tenant:
                await _save_tenant(unit, tenant, config.tenants[tenant], changes, state, core.board)
        for (reseller, tenant), changes in by_owner.items():
            action = f"{'tenant' if tenant else 'reseller'}.{changes[0].what}"
            detail = _json({"changes": changes})
            # A tenant's change goes to its own trail, a reseller's to those of all its tenants.
            owner = "" if tenant else reseller
            await unit.execute(_AUDIT, tenant, actor, action, owner, detail)
        for _, tenant in by_owner:
            if tenant:
                await _tell_switched(core, unit, tenant, actor, config, state)
    return found


def _taken(core: Core, state: State) -> Hosts:
    fields = state.tenants.items()
    tenants = {host: tenant for tenant, known in fields if (host := known["sender.link_host"])}
    return Hosts(own=urlsplit(core.links.base_url).hostname or "", tenants=tenants)


async def _save_tenant(
    unit: UnitOfWork,
    tenant: str,
    shop: Shop,
    changes: list[Change],
    state: State,
    board: Plugboard,
) -> None:
    file = shop.file
    await unit.execute(
        _SAVE_TENANT,
        tenant,
        shop.reseller_id,
        file.name,
        file.timezone,
        file.currency,
        file.country,
        _json(file.sender),
        file.postal_address,
        _json(file.brand),
        file.autonomy,
        file.holdout_percent,
        _json(file.sending),
    )
    before = state.plugins.get(tenant, {})
    for name in sorted({c.field.split(".")[1] for c in changes if c.field.startswith("plugins.")}):
        settings = wanted(shop, name, board)
        kept = before[name].settings if name in before else {}
        stored = _json(kept if settings is None else settings)
        await unit.execute(SAVE_PLUGIN, tenant, name, settings is not None, stored, APPLIED)
    for change in changes:
        kind, _, name = change.field.partition(".")
        if kind != "templates":
            continue
        if found := shop.templates.get(name):
            await unit.execute(_SAVE_TEMPLATE, tenant, name, found.source, found.file)
        else:
            await unit.execute(_DROP_TEMPLATE, tenant, name)


async def _tell_switched(
    core: Core, unit: UnitOfWork, tenant: str, actor: str, config: Configuration, state: State
) -> None:
    rows = state.plugins.get(tenant, {})
    known = tenant in state.tenants
    before = core.board.enabled(n for n, s in rows.items() if s.enabled) if known else frozenset()
    after = core.board.enabled(config.tenants[tenant].file.plugins)
    if switched := before ^ after:
        async with _inside(core, unit, tenant, actor) as scope:
            await tell(scope, after, switched)


@asynccontextmanager
async def _inside(
    core: Core, unit: UnitOfWork, tenant_id: str, actor: str
) -> AsyncIterator[TenantScope]:
    """The tenant's scope in the transaction of `unit`, behind the tenant's own wall."""
    within = UnitOfWork(unit.conn, tenant_id)
    within.after_commit = unit.after_commit
    await unit.execute(f"SET LOCAL ROLE {APP_ROLE}")
    await unit.execute("SELECT set_config('mailwright.tenant', $1, true)", tenant_id)
    tenant = await load_tenant(within, tenant_id)
    if tenant is None:
        raise NotFound(f"There is no tenant `{tenant_id}`.")
    yield TenantScope(core, within, tenant, actor)
    await unit.execute(f"SET LOCAL ROLE {SYSTEM_ROLE}")
    await unit.execute("SELECT set_config('mailwright.tenant', '', true)")


def _json(value: Any) -> str:
    return canonical(value).decode()
