"""The circuit breaker: after failures in a row Claude is left alone for a while, by every worker.

It stands in the database, a row a tenant, since limits in one process's memory are no limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel.sdk import Context
    from plugins.claude.manifest import ClaudeSettings

NAME = "api"
PROBE_SECONDS = 60.0
"""How long the one question that tries a half-open circuit may take."""

_STATE = """
SELECT open_until, error, failures, open_until <= now() AS over FROM claude_circuit
WHERE tenant_id = $1 AND name = $2
"""
_PROBE = """
UPDATE claude_circuit SET probe_until = now() + $3 * interval '1 second'
WHERE tenant_id = $1 AND name = $2 AND open_until <= now()
  AND (probe_until IS NULL OR probe_until <= now())
RETURNING true
"""
_FAILED = """
INSERT INTO claude_circuit AS c (tenant_id, name, failures, error)
VALUES ($1, $2, 1, $3)
ON CONFLICT (tenant_id, name) DO UPDATE SET failures = c.failures + 1, error = excluded.error,
  probe_until = NULL,
  open_until = CASE WHEN c.failures + 1 >= $4 THEN now() + $5 * interval '1 second'
               ELSE c.open_until END
"""
_FIRST = """
UPDATE claude_circuit SET open_until = now() + $3 * interval '1 second'
WHERE tenant_id = $1 AND name = $2 AND open_until IS NULL AND failures >= $4
"""
_GOOD = """
UPDATE claude_circuit SET failures = 0, open_until = NULL, probe_until = NULL
WHERE tenant_id = $1 AND name = $2 AND failures > 0
"""


async def why_closed_off(tx: Context) -> tuple[str, bool]:
    """Why nothing may be asked now, "" when something may; and whether that is one question only, to
    find out (the caller then has the right to it).
    """
    row = await tx.db.fetchrow(_STATE, tx.tenant.id, NAME)
    if row is None or row["open_until"] is None:
        return "", False
    if row["over"] and await tx.db.fetchval(_PROBE, tx.tenant.id, NAME, PROBE_SECONDS):
        return "", True
    reason = f"Claude is left alone for a while: {row['failures']} failures in a row, the last: "
    return reason + row["error"], False


async def failed(tx: Context, settings: ClaudeSettings, error: str) -> None:
    """Count a failure of the service; opens the circuit where it is one too many."""
    await tx.db.execute(
        _FAILED, tx.tenant.id, NAME, error, settings.open_after, settings.open_seconds
    )
    await tx.db.execute(_FIRST, tx.tenant.id, NAME, settings.open_seconds, settings.open_after)


async def good(tx: Context) -> None:
    """It answered: closes the circuit."""
    await tx.db.execute(_GOOD, tx.tenant.id, NAME)
