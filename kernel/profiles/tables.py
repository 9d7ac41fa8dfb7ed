"""The profiles' tables as Piccolo sees them; the migration makes them.

Piccolo knows keys of one column only. What is marked here is unique inside a tenant, except where a
table says otherwise.
"""

from __future__ import annotations

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Integer,
    Numeric,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from kernel.db.engine import DB


class ProfilesCustomer(Table, tablename="profiles_customer", db=DB):
    """A person, with consent and the totals of their orders. The keys are the names in lower case,
    which Postgres makes.
    """

    tenant_id = Text()
    id = BigInt(primary_key=True)
    external_id = Text()
    email = Text(null=True)
    first_name = Text()
    last_name = Text()
    first_key = Text(null=True)
    last_key = Text(null=True)
    country = Text()
    timezone = Text()
    locale = Text()
    tags = Array(base_column=Text())
    email_consent = Text()
    consent_at = Timestamptz(null=True)
    consent_source = Text()
    orders_count = Integer()
    total_spent = Numeric((14, 2))
    first_order_at = Timestamptz(null=True)
    last_order_at = Timestamptz(null=True)
    erased_at = Timestamptz(null=True)
    source = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()
    consent_wording = Text()
    tracking_consent = Text()
    tracking_at = Timestamptz(null=True)
    tracking_source = Text()


class ProfilesCustomerAlias(Table, tablename="profiles_customer_alias", db=DB):
    """Another id of a source for the same person."""

    tenant_id = Text()
    external_id = Text(primary_key=True)
    customer_id = BigInt()


class ProfilesProduct(Table, tablename="profiles_product", db=DB):
    """A SKU."""

    tenant_id = Text()
    id = BigInt(primary_key=True)
    sku = Text()
    external_id = Text()
    title = Text()
    vendor = Text()
    product_type = Text()
    tags = Array(base_column=Text())
    price = Numeric((14, 2), null=True)
    currency = Text()
    status = Text()
    inventory = Integer(null=True)
    image_url = Text()
    url = Text()
    is_product = Boolean()
    source = Text()
    updated_at = Timestamptz()
    cost = Numeric((14, 2), null=True)


class ProfilesOrder(Table, tablename="profiles_order", db=DB):
    """An order, or a return with a negative amount."""

    tenant_id = Text()
    id = BigInt(primary_key=True)
    external_id = Text()
    customer_id = BigInt(null=True)
    ordered_at = Timestamptz()
    amount = Numeric((14, 2))
    currency = Text()
    kind = Text()
    status = Text()
    is_test = Boolean()
    content_hash = BigInt()
    source = Text()
    created_at = Timestamptz()
    discount_codes = Text()


class ProfilesOrderLine(Table, tablename="profiles_order_line", db=DB):
    """A line; its number is unique within its order."""

    tenant_id = Text()
    order_id = BigInt()
    line_no = Integer(primary_key=True)
    sku = Text()
    title = Text()
    quantity = Integer()
    unit_price = Numeric((14, 4))
    is_product = Boolean()


class ProfilesTrait(Table, tablename="profiles_trait", db=DB):
    """A fact; its name is unique within its customer."""

    tenant_id = Text()
    customer_id = BigInt()
    name = Text(primary_key=True)
    value = JSONB()
    plugin = Text()
    version = Text()
    at = Timestamptz()


class ProfilesImport(Table, tablename="profiles_import", db=DB):
    """A file that was read in, with its report."""

    tenant_id = Text()
    id = UUID(primary_key=True)
    kind = Text()
    file_name = Text()
    file_sha256 = Text()
    started_at = Timestamptz()
    actor = Text()
    report = JSONB()


class ProfilesSuppression(Table, tablename="profiles_suppression", db=DB):
    """An address that gets no mail, as a keyed hash; unique with its topic."""

    tenant_id = Text()
    email_hmac = Bytea(primary_key=True)
    topic = Text()
    key_id = Text()
    reason = Text()
    was = JSONB()
    message_id = UUID(null=True)
    at = Timestamptz()


class ProfilesConsent(Table, tablename="profiles_consent", db=DB):
    """An entry of the consent ledger."""

    tenant_id = Text()
    seq = BigInt(primary_key=True)
    subject = UUID()
    kind = Text()
    purpose = Text()
    basis = Text()
    wording = Text()
    source = Text()
    occurred_at = Timestamptz()
    recorded_at = Timestamptz()
    evidence = Bytea()
    evidence_hash = Bytea()
    prev_hash = Bytea()
    hash = Bytea()
    mac = Bytea()


class ProfilesConsentHead(Table, tablename="profiles_consent_head", db=DB):
    """The end of a tenant's chain."""

    tenant_id = Text(primary_key=True)
    seq = BigInt()
    hash = Bytea()


class ProfilesConsentAnchor(Table, tablename="profiles_consent_anchor", db=DB):
    """The end of a tenant's chain at a time, signed."""

    tenant_id = Text()
    seq = BigInt(primary_key=True)
    hash = Bytea()
    at = Timestamptz()
    public_key = Bytea()
    signature = Bytea()


class ProfilesPersonKey(Table, tablename="profiles_person_key", db=DB):
    """A key of a customer's evidence, encrypted, and a name for the secret it is encrypted under."""

    tenant_id = Text()
    subject = UUID(primary_key=True)
    key_id = Bytea()
    customer_id = BigInt()
    wrapped = Bytea()
    wrapped_by = Bytea()


class ProfilesRequest(Table, tablename="profiles_request", db=DB):
    """What a customer asked for by their rights, its deadline and its receipt."""

    tenant_id = Text()
    id = BigInt(primary_key=True)
    customer_id = BigInt()
    kind = Text()
    source = Text()
    asked_at = Timestamptz()
    due_at = Timestamptz()
    actor = Text()
    tried_at = Timestamptz(null=True)
    done_at = Timestamptz(null=True)
    receipt = JSONB()
