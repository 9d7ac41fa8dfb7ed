"""The pretend world's own memory: its seed, what befell each customer, each day, each mail."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T03:38:00:200008"
DESCRIPTION = "shop, customers, days, reactions"

# Who a customer is follows from seed and number; only what happened to them is kept.
SQL = f"""
{tenant_table("sandbox_shop", '''
  shop smallint NOT NULL DEFAULT 1 CHECK (shop = 1),
  seed bigint NOT NULL,
  customers int NOT NULL,
  products int NOT NULL,
  country text NOT NULL,
  timezone text NOT NULL,
  began_with int NOT NULL,
  opened_on date NOT NULL,
  history_days int NOT NULL,
  lived_until timestamptz NOT NULL''', "shop")}
{tenant_table("sandbox_customer", '''
  number int NOT NULL,
  customer_id bigint NOT NULL,
  lost boolean NOT NULL DEFAULT false,
  bought boolean NOT NULL DEFAULT false,
  last_order_at timestamptz,
  fatigue real NOT NULL DEFAULT 0,
  fatigue_at timestamptz,
  quiet_until timestamptz,
  clicked_message uuid,
  clicked_at timestamptz''', "number")}
CREATE UNIQUE INDEX sandbox_customer_id ON sandbox_customer (tenant_id, customer_id);
{tenant_table("sandbox_day", '''
  day date NOT NULL,
  orders int NOT NULL DEFAULT 0,
  caused int NOT NULL DEFAULT 0,
  joined int NOT NULL DEFAULT 0,
  clicks int NOT NULL DEFAULT 0,
  left_list int NOT NULL DEFAULT 0''', "day")}
{tenant_table("sandbox_reaction", '''
  message_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('got', 'click', 'order', 'unsubscribe', 'complain')),
  number int NOT NULL,
  at timestamptz NOT NULL,
  done boolean NOT NULL DEFAULT false''', "message_id, kind")}
CREATE INDEX sandbox_reaction_due ON sandbox_reaction (tenant_id, at) WHERE NOT done;
"""

forwards = sql_migration(ID, "sandbox", DESCRIPTION, SQL)
