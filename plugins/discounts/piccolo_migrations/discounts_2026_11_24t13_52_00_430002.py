"""The book of codes, and what is set aside for them."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T13:52:00:430002"
DESCRIPTION = "codes and budgets"

# A customer has one open code: the index holds what the guardrail promises, whoever decides at once.
# customer_id is null once the customer is erased.
SQL = f"""
{tenant_table("discounts_code", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  code text NOT NULL,
  offer text NOT NULL,
  state text NOT NULL DEFAULT 'reserved'
    CHECK (state IN ('reserved', 'sent', 'used', 'expired', 'withdrawn')),
  customer_id bigint,
  message_id uuid NOT NULL,
  campaign_id uuid NOT NULL,
  campaign_type text NOT NULL,
  combines boolean NOT NULL,
  reserved numeric(14,2) NOT NULL CHECK (reserved >= 0),
  settled numeric(14,2) NOT NULL DEFAULT 0 CHECK (settled >= 0),
  granted_on date NOT NULL,
  granted_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  sent_at timestamptz,
  used_at timestamptz,
  closed_at timestamptz,
  reason text NOT NULL DEFAULT '',
  order_id bigint''', "id")}
CREATE UNIQUE INDEX discounts_code_code ON discounts_code (tenant_id, code text_pattern_ops);
CREATE UNIQUE INDEX discounts_code_message ON discounts_code (tenant_id, message_id);
CREATE UNIQUE INDEX discounts_code_open ON discounts_code (tenant_id, customer_id)
  WHERE state IN ('reserved', 'sent');
CREATE INDEX discounts_code_customer ON discounts_code (tenant_id, customer_id, granted_at);
CREATE INDEX discounts_code_state ON discounts_code (tenant_id, state, expires_at);
CREATE INDEX discounts_code_campaign ON discounts_code (tenant_id, campaign_id);
{tenant_table("discounts_budget", '''
  kind text NOT NULL CHECK (kind IN ('day', 'month')),
  period date NOT NULL,
  reserved numeric(14,2) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  settled numeric(14,2) NOT NULL DEFAULT 0 CHECK (settled >= 0)''', "kind, period")}
"""

forwards = sql_migration(ID, "discounts", DESCRIPTION, SQL)
