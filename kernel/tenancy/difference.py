"""What is different between the files and the database, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.tenancy import Brand, Sending
from kernel.tenancy import templates
from kernel.tenancy.files import Configuration, ResellerFile, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.db.uow import UnitOfWork
    from kernel.plugboard.board import Plugboard

APPLIED = "tenants apply"
"""Who last wrote a plugin's row, when it was us; another name there means that somebody drifted."""

What = Literal["added", "changed", "removed", "drifted", "not in the files"]

_TENANTS = """
SELECT tenant_id, reseller_id, name, timezone, currency, country, sender, postal_address, brand,
       autonomy, holdout_percent, sending FROM tenancy_tenant
"""


class Change(Frozen):
    """One difference. `field` is empty for the reseller or tenant as a whole; plugins and settings
    are `plugins.<plugin>` and `plugins.<plugin>.<setting>`, templates `templates.<name>` with digests.
    """

    what: What
    reseller: str
    tenant: str = ""
    field: str = ""
    old: Any = None
    new: Any = None
    by: str = ""
    """For what drifted: who changed it outside of the files."""


class Plan(Frozen):
    """Every difference between files and database, in the order of the files."""

    changes: tuple[Change, ...]

    @property
    def pending(self) -> tuple[Change, ...]:
        """What `apply` does: all but what is only in the database, which is never deleted."""
        return tuple(c for c in self.changes if c.what != "not in the files")


class Switch(Frozen):
    """A plugin's row in the database."""

    enabled: bool
    settings: dict[str, Any]
    by: str


class State(Frozen):
    """What the database says: ids -> flat fields, and the plugins' rows by tenant."""

    resellers: dict[str, dict[str, Any]]
    tenants: dict[str, dict[str, Any]]
    plugins: dict[str, dict[str, Switch]]
    templates: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Tenant -> name -> MJML."""


def compare(config: Configuration, state: State, board: Plugboard) -> Iterator[Change]:
    """Every difference between the files and the database."""
    for reseller, file in config.resellers.items():
        yield from _fields(_flat(file), state.resellers.get(reseller), reseller=reseller)
    for tenant, shop in config.tenants.items():
        where = {"reseller": shop.reseller_id, "tenant": tenant}
        yield from _fields(_tenant_fields(shop), state.tenants.get(tenant), **where)
        switches = state.plugins.get(tenant, {})
        for name in sorted(shop.file.plugins.keys() | switches.keys()):
            settings = wanted(shop, name, board)
            yield from _plugin(name, settings, switches.get(name), board, **where)
        yield from _templates(shop, state.templates.get(tenant, {}), **where)
    for reseller in sorted(state.resellers.keys() - config.resellers.keys()):
        yield Change(what="not in the files", reseller=reseller)
    for tenant in sorted(state.tenants.keys() - config.tenants.keys()):
        home = state.tenants[tenant]["reseller"]
        yield Change(what="not in the files", reseller=home, tenant=tenant)


def wanted(shop: Shop, plugin: str, board: Plugboard) -> dict[str, Any] | None:
    """The settings of the plugin by the shop's file; None where it is off."""
    # A mandatory plugin is on in any case, so only its settings can differ.
    return shop.file.plugins.get(plugin, {} if plugin in board.mandatory else None)


def _fields(new: dict[str, Any], old: dict[str, Any] | None, **where: str) -> Iterator[Change]:
    if old is None:
        yield Change(what="added", **where)
    for field, value in new.items():
        before = None if old is None else old.get(field)
        if old is None and value != "":
            yield Change(what="added", field=field, new=value, **where)
        elif old is not None and before != value:
            yield Change(what="changed", field=field, old=before, new=value, **where)


def _plugin(
    name: str,
    settings: dict[str, Any] | None,
    switch: Switch | None,
    board: Plugboard,
    **where: str,
) -> Iterator[Change]:
    by = switch.by if switch and switch.by != APPLIED else ""
    before = switch is not None and (switch.enabled or name in board.mandatory)
    if before != (settings is not None):
        what: What = "drifted" if by else "removed" if before else "added"
        to = "on" if settings is not None else "off"
        was = "on" if before else "off" if switch else None
        yield Change(what=what, field=f"plugins.{name}", old=was, new=to, by=by, **where)
    if settings is None:
        return
    old_settings = _effective(name, switch.settings, board) if switch else {}
    new_settings = _effective(name, settings, board) if switch else settings
    for key in sorted(old_settings.keys() | new_settings.keys()):
        old, new = old_settings.get(key), new_settings.get(key)
        if old != new:
            what = "drifted" if by else "changed" if switch else "added"
            field = f"plugins.{name}.{key}"
            yield Change(what=what, field=field, old=old, new=new, by=by, **where)


def _templates(shop: Shop, kept: dict[str, str], **where: str) -> Iterator[Change]:
    for name in sorted(shop.templates.keys() | kept.keys()):
        new = templates.short(shop.templates[name].source) if name in shop.templates else None
        old = templates.short(kept[name]) if name in kept else None
        if new != old:
            what: What = "removed" if new is None else "added" if old is None else "changed"
            field = f"templates.{name}"
            yield Change(what=what, field=field, old=old, new=new or "default", **where)


def _effective(name: str, raw: dict[str, Any], board: Plugboard) -> dict[str, Any]:
    """The settings with their defaults, so that only a difference that matters is one."""
    try:
        kind = board.plugins[name].manifest.settings
        full: dict[str, Any] = msgspec.to_builtins(msgspec.convert(raw, kind, strict=False))
    except (KeyError, msgspec.ValidationError):
        return raw
    return full


async def read_state(unit: UnitOfWork) -> State:
    """What the database says now."""
    resellers = await unit.fetch("SELECT reseller_id, name, brand FROM tenancy_reseller")
    tenants = await unit.fetch(_TENANTS)
    plugins: dict[str, dict[str, Switch]] = {}
    for row in await unit.fetch(
        "SELECT tenant_id, plugin, enabled, settings, updated_by FROM tenancy_plugin"
    ):
        plugins.setdefault(row["tenant_id"], {})[row["plugin"]] = Switch(
            enabled=row["enabled"],
            settings=msgspec.json.decode(row["settings"]),
            by=row["updated_by"],
        )
    sources: dict[str, dict[str, str]] = {}
    for row in await unit.fetch("SELECT tenant_id, name, source FROM tenancy_template"):
        sources.setdefault(row["tenant_id"], {})[row["name"]] = row["source"]
    return State(
        templates=sources,
        resellers={r["reseller_id"]: _row_fields(r) for r in resellers},
        tenants={r["tenant_id"]: _row_fields(r) for r in tenants},
        plugins=plugins,
    )


def _row_fields(row: Any) -> dict[str, Any]:
    fields = dict(row)
    if "tenant_id" in fields:
        fields["reseller"] = fields.pop("reseller_id")
        fields["sender"] = {"reply_to": "", "link_host": ""} | msgspec.json.decode(row["sender"])
        fields["sending"] = msgspec.to_builtins(Sending()) | msgspec.json.decode(row["sending"])
    fields["brand"] = msgspec.to_builtins(Brand()) | msgspec.json.decode(row["brand"])
    return _flat({k: v for k, v in fields.items() if k not in {"tenant_id", "reseller_id"}})


def _tenant_fields(shop: Shop) -> dict[str, Any]:
    fields = {"reseller": shop.reseller_id} | msgspec.to_builtins(shop.file)
    del fields["plugins"]
    return _flat(fields)


def _flat(value: ResellerFile | dict[str, Any], at: str = "") -> dict[str, Any]:
    """`{"sender": {"name": …}}` as `{"sender.name": …}`."""
    found: dict[str, Any] = {}
    for key, inner in msgspec.to_builtins(value).items():
        found |= _flat(inner, f"{at}{key}.") if isinstance(inner, dict) else {f"{at}{key}": inner}
    return found
