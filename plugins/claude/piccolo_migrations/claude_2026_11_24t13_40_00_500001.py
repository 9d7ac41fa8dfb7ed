"""What Claude was asked, what it answered, and what that cost."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T13:40:00:500001"
DESCRIPTION = "questions, batches, spending"

# A question is asked once: `id` is the message's for one customer, and made of campaign and key for a
# bucket or a variant. `reserved_micros` is what stands in claude_spend for it while it is asked.
SQL = f"""
{tenant_table("claude_question", '''
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('customer', 'bucket', 'copy')),
  way text NOT NULL CHECK (way IN ('direct', 'batch')),
  campaign_id uuid NOT NULL,
  customer_id bigint,
  bucket text NOT NULL DEFAULT '',
  members uuid[] NOT NULL DEFAULT '{}',
  setup text NOT NULL,
  facts text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'asked', 'answered', 'failed')),
  batch_id uuid,
  lease_until timestamptz,
  asks int NOT NULL DEFAULT 0,
  lost int NOT NULL DEFAULT 0,
  wrong text NOT NULL DEFAULT '',
  answer text NOT NULL DEFAULT '',
  fallback text NOT NULL DEFAULT '',
  model text NOT NULL DEFAULT '',
  tokens bigint NOT NULL DEFAULT 0,
  cost_micros bigint NOT NULL DEFAULT 0,
  reserved_micros bigint NOT NULL DEFAULT 0,
  reserved_on date,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()''', "id")}
CREATE INDEX claude_question_campaign ON claude_question (tenant_id, campaign_id, kind, state);
CREATE INDEX claude_question_open ON claude_question (tenant_id, way, state, created_at)
  WHERE state IN ('waiting', 'asked');
CREATE INDEX claude_question_batch ON claude_question (tenant_id, batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX claude_question_customer ON claude_question (tenant_id, customer_id)
  WHERE customer_id IS NOT NULL;
CREATE INDEX claude_question_old ON claude_question (tenant_id, created_at);
{tenant_table("claude_setup", '''
  digest text NOT NULL,
  content text NOT NULL,
  used_at timestamptz NOT NULL DEFAULT now()''', "digest")}
{tenant_table("claude_batch", '''
  id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('making', 'sent', 'ended', 'never')),
  remote_id text NOT NULL DEFAULT '',
  size int NOT NULL,
  error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz''', "id")}
CREATE INDEX claude_batch_open ON claude_batch (tenant_id, created_at) WHERE state IN ('making', 'sent');
{tenant_table("claude_spend", '''
  day date NOT NULL,
  reserved_micros bigint NOT NULL DEFAULT 0,
  spent_micros bigint NOT NULL DEFAULT 0,
  calls bigint NOT NULL DEFAULT 0,
  tokens_in bigint NOT NULL DEFAULT 0,
  tokens_cached bigint NOT NULL DEFAULT 0,
  tokens_out bigint NOT NULL DEFAULT 0''', "day")}
{tenant_table("claude_circuit", '''
  name text NOT NULL,
  failures int NOT NULL DEFAULT 0,
  error text NOT NULL DEFAULT '',
  open_until timestamptz,
  probe_until timestamptz''', "name")}
{tenant_table("claude_model", '''
  name text NOT NULL,
  good boolean NOT NULL,
  said text NOT NULL,
  checked_at timestamptz NOT NULL''', "name")}
"""

forwards = sql_migration(ID, "claude", DESCRIPTION, SQL)
