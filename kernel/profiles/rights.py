"""A customer's rights: a copy of everything kept about them, and to be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import msgspec

from kernel.contracts.base import Frozen
from kernel.profiles import suppression
from kernel.profiles.consent_history import consent_history
from kernel.profiles.consent_keys import destroy
from kernel.profiles.consent_ledger import Said, flush, note
from kernel.profiles.repo import customer

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.plugins import Erased, Export
    from kernel.tenancy.scope import TenantScope

# table -> which of its rows are about customer $2. What is kept for the tenant's own sake (hashes,
# leases, the bytes that replay a decision, what was found out for decisions: it names nobody) is not
# personal and stays out.
_ABOUT: dict[str, tuple[str, str]] = {
    "profiles_customer": (
        """external_id, email, first_name, last_name, country, timezone, locale, tags, email_consent,
        consent_at, consent_source, consent_wording, tracking_consent, tracking_at, tracking_source, orders_count, total_spent, first_order_at, last_order_at,
        erased_at, source, created_at""",
        "id = $2",
    ),
    "profiles_customer_alias": ("external_id", "customer_id = $2"),
    "profiles_order": (
        "id, external_id, ordered_at, amount, currency, kind, status, is_test, discount_codes, source",
        "customer_id = $2",
    ),
    "profiles_order_line": (
        "order_id, line_no, sku, title, quantity, unit_price",
        "order_id IN (SELECT id FROM profiles_order WHERE tenant_id = $1 AND customer_id = $2)",
    ),
    "profiles_trait": ("name, value, plugin, version, at", "customer_id = $2"),
    "events_event": ("type, occurred_at, payload", "customer_id = $2"),
    "pipeline_message": (
        "id, campaign_id, state, reason, variant, created_at, attempted_at",
        "customer_id = $2",
    ),
    "pipeline_decision": (
        "id, occasion, decided_at, send, policy, convert_from(record, 'UTF8')::jsonb AS record",
        "customer_id = $2",
    ),
    "profiles_request": ("id, kind, source, asked_at, due_at, done_at", "customer_id = $2"),
    "pipeline_outcome": ("message_id, kind, at, detail", "customer_id = $2"),
}

_ERASE = """
UPDATE profiles_customer SET email = NULL, first_name = '', last_name = '', timezone = '',
  locale = '', tags = '{}', email_consent = 'unsubscribed', consent_source = 'erased',
  consent_at = $3, consent_wording = '', tracking_consent = 'denied', tracking_source = 'erased',
  tracking_at = $3, erased_at = $3, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND erased_at IS NULL
"""


class CustomerExport(Frozen):
    """Everything kept about one customer: table -> rows, of the kernel and then of each plugin."""

    kernel: dict[str, list[dict[str, Any]]]
    plugins: dict[str, dict[str, list[dict[str, Any]]]]
    failed: tuple[str, ...] = ()
    """Plugins that could not answer: the copy is not complete before they do."""


class CustomerErased(Frozen):
    """What was removed or made anonymous, and what could not be."""

    by: dict[str, int]
    """Rows that each plugin and the kernel removed or emptied."""
    failed: tuple[str, ...] = ()
    """Plugins that could not answer: ask again, it is safe to run twice."""

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.by.values())


async def export_customer(ctx: Context, customer_id: int) -> CustomerExport:
    """A copy of all that the kernel and every plugin keep about a customer.

    Raises:
        NotFound: there is no such customer.
    """
    email = (await customer(ctx, customer_id)).email
    rows = {
        "profiles_suppression": await suppression.of_customer(ctx, email),
        "profiles_consent": [
            msgspec.to_builtins(entry) for entry in await consent_history(ctx, customer_id)
        ],
    }
    for table, (columns, condition) in _ABOUT.items():
        found: str = await ctx.db.fetchval(
            f"SELECT coalesce(json_agg(t), '[]')::text FROM (SELECT {columns} FROM {table} "
            f"WHERE tenant_id = $1 AND {condition} ORDER BY 1) t",
            ctx.tenant.id,
            customer_id,
        )
        rows[table] = msgspec.json.decode(found)
    answers, failed = await _ask(ctx, "export_customer", customer_id)
    exports = {name: cast("Export", answer).rows for name, answer in answers.items()}
    return CustomerExport(kernel=rows, plugins=exports, failed=failed)


async def erase_customer(ctx: Context, customer_id: int) -> CustomerErased:
    """Has every plugin remove what it keeps, then makes the profile anonymous: in this order, so that
    plugins still see whose data it is. Of the address a keyed hash stays on the suppression list. The
    person's key is destroyed, so that nobody can read the evidence in the consent ledger any more.
    Counts stay, and so does the shop's own id, so that no later import brings the person back. Safe
    to run twice.

    Raises:
        NotFound: there is no such customer.
    """
    email = (await customer(ctx, customer_id)).email
    answers, failed = await _ask(ctx, "erase_customer", customer_id)
    by = {name: cast("Erased", answer).rows for name, answer in answers.items()}
    rows = await suppression.erase(ctx, email) if email else 0
    counts = []
    for sql, args in (
        (_ERASE, (ctx.now,)),
        ("DELETE FROM profiles_trait WHERE tenant_id = $1 AND customer_id = $2", ()),
    ):
        tag = await ctx.db.execute(sql, ctx.tenant.id, customer_id, *args)
        counts.append(int(tag.rpartition(" ")[2]))
    rows += sum(counts) + await _forget(ctx, customer_id, first=bool(counts[0]))
    return CustomerErased(by={"kernel": rows, **by}, failed=failed)


async def _forget(ctx: Context, customer_id: int, *, first: bool) -> int:
    """Destroy the key of the person's evidence, and say so in the ledger, once."""
    await flush(ctx)  # what this transaction still has to tell is evidence too
    subject = await destroy(ctx, customer_id)
    if first or subject is not None:
        note(ctx, [Said("erased", "", ctx.now, source=ctx.actor, subject=subject or uuid4())])
    return int(subject is not None)


async def _ask(ctx: Context, hook: str, customer_id: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The answer of every installed plugin (one that was switched off may still keep what it
    stored), and those that keep personal data and did not answer.
    """
    board = cast("TenantScope", ctx).core.board
    everyone = frozenset(board.plugins)
    answers = await board.collect(hook, everyone, ctx=ctx, customer_id=customer_id)
    found = {answer.plugin: answer.value for answer in answers if answer.value is not None}
    keepers = {name for name, plugin in board.plugins.items() if plugin.manifest.personal_data}
    return found, tuple(sorted(keepers - found.keys()))
