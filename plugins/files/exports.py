"""The files of an export: their rows and columns, and what each column is.

Customers, products and order lines have the names that `mailwright import` reads, so they can be read
in again, here or elsewhere.
"""

from __future__ import annotations

from kernel.sdk import Frozen

AT = "timestamp with time zone"
_WHO = "LEFT JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = {0}.customer_id"

Column = tuple[str, str, str, str]
"""Name, SQL, type in PostgreSQL, and what it is."""


class File(Frozen):
    """One file of an export."""

    name: str
    about: str
    sql: str
    """From FROM on; $1 is the tenant."""
    columns: tuple[Column, ...]


README = """# The data of {name}

Exported from Mailwright for the tenant `{tenant}` at {now:%Y-%m-%d %H:%M} UTC, as {form}. Times are in
UTC, amounts are exact decimals, and texts stand as they were given: open CSV files as data and not as
formulas.

`customers`, `products` and `order_lines` can be read in again with `mailwright import`.
"""


def _buyer(table: str) -> tuple[Column, ...]:
    return (
        ("mailwright_customer", f"{table}.customer_id", "bigint", "The customer's mailwright_id."),
        ("customer_id", "c.external_id", "text", "The shop's own id of the customer."),
    )


_ORDER: tuple[Column, ...] = (
    ("mailwright_order", "o.id", "bigint", "The order's id within Mailwright."),
    ("order_id", "o.external_id", "text", "The shop's own id of the order."),
    ("ordered_at", "o.ordered_at", AT, "When it was placed."),
    *_buyer("o"),
    ("email", "c.email", "text", "The customer's address."),
    ("amount", "o.amount", "numeric", "What was paid in all; negative in a return."),
    ("currency", "o.currency", "text", "ISO 4217 code."),
    ("kind", "o.kind", "text", "order or return."),
    ("status", "o.status", "text", "placed or cancelled."),
    ("test", "o.is_test", "boolean", "True for a test order."),
    ("source", "o.source", "text", "Which plugin brought it."),
)

FILES: tuple[File, ...] = (
    File(
        name="customers",
        about="One row a customer.",
        sql="FROM profiles_customer c WHERE c.tenant_id = $1 ORDER BY c.id",
        columns=(
            ("mailwright_id", "c.id", "bigint", "The id within Mailwright; other files name it."),
            ("customer_id", "c.external_id", "text", "The shop's own id; empty if none is known."),
            ("email", "c.email", "text", "The address, in lower case."),
            ("first_name", "c.first_name", "text", "Given name."),
            ("last_name", "c.last_name", "text", "Family name."),
            ("country", "c.country", "text", "ISO 3166 code, or what the shop wrote."),
            ("timezone", "c.timezone", "text", "IANA name."),
            ("locale", "c.locale", "text", "Language and region."),
            ("tags", "c.tags", "ARRAY", "Divided by commas."),
            ("consent", "c.email_consent", "text", "State of the consent to e-mail."),
            ("consent_at", "c.consent_at", AT, "When it was given or withdrawn."),
            ("consent_source", "c.consent_source", "text", "Where and how."),
            (
                "orders_count",
                "c.orders_count",
                "integer",
                "Placed orders, without returns and tests.",
            ),
            ("total_spent", "c.total_spent", "numeric", "Less returns, in the shop's currency."),
            ("first_order_at", "c.first_order_at", AT, "The first such order."),
            ("last_order_at", "c.last_order_at", AT, "The last such order."),
            ("created_at", "c.created_at", AT, "When the customer became known."),
            ("erased_at", "c.erased_at", AT, "When the person was forgotten at their wish."),
            ("source", "c.source", "text", "Which plugin brought it."),
        ),
    ),
    File(
        name="customer_aliases",
        about="Further ids of the shop for the same person.",
        sql="FROM profiles_customer_alias a WHERE a.tenant_id = $1 ORDER BY a.external_id",
        columns=(
            ("customer_id", "a.external_id", "text", "The shop's further id."),
            ("mailwright_customer", "a.customer_id", "bigint", "The customer's mailwright_id."),
        ),
    ),
    File(
        name="products",
        about="One row a SKU.",
        sql="FROM profiles_product p WHERE p.tenant_id = $1 ORDER BY p.id",
        columns=(
            ("mailwright_id", "p.id", "bigint", "The id within Mailwright."),
            ("sku", "p.sku", "text", "The SKU."),
            ("product_id", "p.external_id", "text", "The shop's own id."),
            ("title", "p.title", "text", "What it is called."),
            ("vendor", "p.vendor", "text", "Who makes it."),
            ("product_type", "p.product_type", "text", "The shop's own kind."),
            ("tags", "p.tags", "ARRAY", "Divided by commas."),
            ("price", "p.price", "numeric", "List price."),
            ("currency", "p.currency", "text", "ISO 4217 code."),
            ("status", "p.status", "text", "active, draft or archived."),
            ("inventory", "p.inventory", "integer", "Pieces in stock; empty if not counted."),
            ("image_url", "p.image_url", "text", "A picture."),
            ("url", "p.url", "text", "Its page."),
            (
                "is_product",
                "p.is_product",
                "boolean",
                "False for gift cards, postage and the like.",
            ),
            ("source", "p.source", "text", "Which plugin brought it."),
        ),
    ),
    File(
        name="orders",
        about="One row an order or return.",
        sql=f"FROM profiles_order o {_WHO.format('o')} WHERE o.tenant_id = $1 ORDER BY o.id",
        columns=_ORDER,
    ),
    File(
        name="order_lines",
        about="One row a line, with what its order says; an order without lines has one row.",
        sql=f"""FROM profiles_order o {_WHO.format("o")}
            LEFT JOIN profiles_order_line l ON l.tenant_id = $1 AND l.order_id = o.id
            WHERE o.tenant_id = $1 ORDER BY o.id, l.line_no""",
        columns=(
            *_ORDER,
            ("line_no", "l.line_no", "integer", "The line's number within its order."),
            ("sku", "l.sku", "text", "The SKU."),
            ("title", "l.title", "text", "What was bought."),
            ("quantity", "l.quantity", "integer", "Pieces; negative in a return."),
            ("unit_price", "l.unit_price", "numeric4", "Price of one, in the order's currency."),
            ("is_product", "l.is_product", "boolean", "False for postage, discounts and the like."),
        ),
    ),
    File(
        name="traits",
        about="Facts that plugins found out about customers.",
        sql=f"""FROM profiles_trait t {_WHO.format("t")} WHERE t.tenant_id = $1
            ORDER BY t.customer_id, t.name""",
        columns=(
            *_buyer("t"),
            ("name", "t.name", "text", "The trait."),
            ("value", "t.value", "jsonb", "JSON."),
            ("plugin", "t.plugin", "text", "Who wrote it."),
            ("version", "t.version", "text", "Of that plugin or its model."),
            ("at", "t.at", AT, "Since when it is so."),
        ),
    ),
    File(
        name="consent",
        about="The consent of each customer to e-mail, with its evidence.",
        sql="FROM profiles_customer c WHERE c.tenant_id = $1 ORDER BY c.id",
        columns=(
            ("mailwright_customer", "c.id", "bigint", "The customer's mailwright_id."),
            ("customer_id", "c.external_id", "text", "The shop's own id of the customer."),
            ("email", "c.email", "text", "The address."),
            (
                "consent",
                "c.email_consent",
                "text",
                "subscribed, unsubscribed, pending, never, unknown.",
            ),
            (
                "consent_at",
                "c.consent_at",
                AT,
                "When it was given or withdrawn; empty if not known.",
            ),
            ("consent_source", "c.consent_source", "text", "Where and how."),
        ),
    ),
    File(
        name="campaigns",
        about="What was proposed, and what became of it.",
        sql="FROM pipeline_campaign k WHERE k.tenant_id = $1 ORDER BY k.proposed_at, k.id",
        columns=(
            ("campaign", "k.id", "uuid", "Its id."),
            ("campaign_type", "k.campaign_type", "text", "The kind of campaign."),
            ("plugin", "k.plugin", "text", "Who proposed it."),
            ("title", "k.title", "text", "Its name on screen."),
            ("rationale", "k.rationale", "text", "Why it was proposed."),
            ("status", "k.status", "text", "How far it has come."),
            ("audience", "k.audience", "integer", "Customers in it."),
            ("proposed_at", "k.proposed_at", AT, "When it was proposed."),
            ("approved_at", "k.approved_at", AT, "When it was approved."),
            ("approved_by", "k.approved_by", "text", "By whom."),
            ("finished_at", "k.finished_at", AT, "When it ended."),
        ),
    ),
    File(
        name="campaign_texts",
        about="The words of each variant of a campaign.",
        sql="FROM pipeline_variant v WHERE v.tenant_id = $1 ORDER BY v.campaign_id, v.variant",
        columns=(
            ("campaign", "v.campaign_id", "uuid", "The campaign."),
            ("variant", "v.variant", "text", "The tone."),
            ("copy", "v.copy", "jsonb", "Subject, heading, body and button, as JSON."),
        ),
    ),
    File(
        name="approvals",
        about="Who approved, changed or stopped what.",
        sql="FROM pipeline_approval a WHERE a.tenant_id = $1 ORDER BY a.id",
        columns=(
            ("campaign", "a.campaign_id", "uuid", "The campaign."),
            ("at", "a.at", AT, "When."),
            ("actor", "a.actor", "text", "Who."),
            ("action", "a.action", "text", "What they did."),
            ("reason", "a.reason", "text", "Why, in their words."),
        ),
    ),
    File(
        name="messages",
        about="The send ledger: one row for each customer in each campaign.",
        sql=f"""FROM pipeline_message m {_WHO.format("m")} WHERE m.tenant_id = $1
            ORDER BY m.campaign_id, m.customer_id, m.step""",
        columns=(
            ("message", "m.id", "uuid", "Its id."),
            ("campaign", "m.campaign_id", "uuid", "The campaign."),
            *_buyer("m"),
            ("state", "m.state", "text", "What became of it."),
            ("reason", "m.reason", "text", "Why."),
            ("variant", "m.variant", "text", "The tone of its words."),
            ("created_at", "m.created_at", AT, "When the audience was frozen."),
            ("attempted_at", "m.attempted_at", AT, "When it was handed over."),
            ("accepted_at", "m.accepted_at", AT, "When the channel took it."),
        ),
    ),
    File(
        name="outcomes",
        about="What came of the messages.",
        sql="FROM pipeline_outcome x WHERE x.tenant_id = $1 ORDER BY x.at, x.message_id",
        columns=(
            ("message", "x.message_id", "uuid", "The message."),
            ("kind", "x.kind", "text", "delivered, clicked, ordered, unsubscribed and so on."),
            ("at", "x.at", AT, "When."),
            ("mailwright_customer", "x.customer_id", "bigint", "The customer's mailwright_id."),
            ("detail", "x.detail", "jsonb", "JSON."),
        ),
    ),
    File(
        name="decisions",
        about="Why each customer was written to or not: the whole record of every decision.",
        sql="FROM pipeline_decision d WHERE d.tenant_id = $1 ORDER BY d.decided_at, d.id",
        columns=(
            ("decision", "d.id", "uuid", "Its id."),
            ("mailwright_customer", "d.customer_id", "bigint", "The customer's mailwright_id."),
            ("occasion", "d.occasion", "text", "What it was about."),
            ("decided_at", "d.decided_at", AT, "When."),
            ("send", "d.send", "boolean", "True for a decision to write."),
            ("policy", "d.policy", "text", "Which rules or model decided."),
            (
                "record",
                "convert_from(d.record, 'UTF8')",
                "text",
                "JSON: features, options, reasons.",
            ),
        ),
    ),
    File(
        name="advice",
        about="What was asked for decisions, of whom and at what cost. It names no customer.",
        sql="FROM pipeline_advice a WHERE a.tenant_id = $1 ORDER BY a.at, a.id",
        columns=(
            ("advice", "a.id", "uuid", "Its id, as the records of decisions have it."),
            ("campaign", "a.campaign_id", "uuid", "The campaign for which it was first asked."),
            ("at", "a.at", AT, "When."),
            ("plugin", "a.plugin", "text", "Who asked."),
            ("model", "a.model", "text", "Which model answered."),
            ("answer", "a.answer", "text", "The answer as it came."),
            ("fallback", "a.fallback", "text", "Why there is none, if there is none."),
            ("tokens", "a.tokens", "int", "Tokens used."),
            ("cost_micros", "a.cost_micros", "bigint", "Cost in millionths of a US dollar."),
            ("shared", "a.shared", "int", "Among how many customers it is shared."),
        ),
    ),
    File(
        name="events",
        about="What happened, in the order in which it became known.",
        sql="FROM events_event e WHERE e.tenant_id = $1 ORDER BY e.id",
        columns=(
            ("event", "e.id", "bigint", "Its number."),
            ("type", "e.type", "text", "What happened."),
            ("occurred_at", "e.occurred_at", AT, "When it happened."),
            ("recorded_at", "e.recorded_at", AT, "When it became known here."),
            (
                "mailwright_customer",
                "e.customer_id",
                "bigint",
                "The customer's mailwright_id, if any.",
            ),
            ("payload", "e.payload", "jsonb", "JSON."),
        ),
    ),
    File(
        name="imports",
        about="The files that were read in, with the counts of their reports.",
        sql="FROM profiles_import i WHERE i.tenant_id = $1 ORDER BY i.started_at",
        columns=(
            ("import", "i.id", "uuid", "Its id."),
            ("kind", "i.kind", "text", "orders, customers or products."),
            ("file_name", "i.file_name", "text", "The file."),
            ("file_sha256", "i.file_sha256", "text", "Its hash."),
            ("started_at", "i.started_at", AT, "When."),
            ("actor", "i.actor", "text", "Who."),
            ("report", "i.report", "jsonb", "JSON."),
        ),
    ),
)
