"""The tenancy's tables as Piccolo sees them; the migration makes them.

Piccolo knows keys of one column only. What is marked here is unique inside a tenant, and that is all
a TenantRepository ever looks at.
"""

from __future__ import annotations

from piccolo.columns import JSONB, BigInt, Boolean, DoublePrecision, Integer, Text, Timestamptz
from piccolo.table import Table

from kernel.db.engine import DB


class TenancyTenant(Table, tablename="tenancy_tenant", db=DB):
    """One row: the tenant itself."""

    tenant_id = Text(primary_key=True)
    reseller_id = Text()
    name = Text()
    timezone = Text()
    currency = Text()
    country = Text()
    sender = JSONB()
    postal_address = Text()
    brand = JSONB()
    autonomy = Text()
    holdout_percent = DoublePrecision()
    sending = JSONB()
    clock_at = Timestamptz(null=True)
    halted_at = Timestamptz(null=True)
    halted_by = Text()
    halted_reason = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()


class TenancyPlugin(Table, tablename="tenancy_plugin", db=DB):
    """A plugin's switch and settings."""

    tenant_id = Text()
    plugin = Text(primary_key=True)
    enabled = Boolean()
    settings = JSONB()
    updated_at = Timestamptz()
    updated_by = Text()


class TenancyAudit(Table, tablename="tenancy_audit", db=DB):
    """Who changed what, for ever."""

    tenant_id = Text()
    id = BigInt(primary_key=True)
    at = Timestamptz()
    actor = Text()
    action = Text()
    subject = Text()
    detail = JSONB()


class TenancyHealth(Table, tablename="tenancy_health", db=DB):
    """What a plugin last failed at, and how often."""

    tenant_id = Text()
    plugin = Text()
    what = Text(primary_key=True)
    error = Text()
    times = Integer()
    first_at = Timestamptz()
    last_at = Timestamptz()
