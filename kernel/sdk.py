"""The one module that plugins import: contracts, hook markers and the services plugins may call.

What is listed in `__all__` is the promise `api = ">=1.0,<2"` of a manifest speaks of.
"""

from kernel.contracts.base import Frozen, canonical, digest, new_id
from kernel.contracts.campaigns import Brief, Campaign, CampaignType, Copy, Written
from kernel.contracts.context import Clock, Context, Database
from kernel.contracts.decisions import (
    Action,
    Advice,
    Candidate,
    Change,
    DecideContext,
    Decision,
    Grant,
    Guarded,
    Option,
    Pending,
    Scalar,
    Verdict,
)
from kernel.contracts.delivery import (
    Channel,
    Difference,
    Finding,
    Findings,
    Mailbox,
    MailLinks,
    MessageVars,
    Outcome,
    Outgoing,
    Receipt,
    Recipient,
    Rendered,
    Shared,
    TrackingConsent,
    mailbox_of,
)
from kernel.contracts.errors import (
    Conflict,
    Forbidden,
    InvalidConfig,
    InvalidInput,
    KernelError,
    NotFound,
    Unavailable,
)
from kernel.contracts.events import (
    AutonomyChanged,
    AutonomyDigest,
    CampaignFinished,
    CampaignProposed,
    ClockSet,
    ConsentChanged,
    CustomerCreated,
    Event,
    ImportFinished,
    LinkFollowed,
    MessagesAccepted,
    OrderPlaced,
)
from kernel.contracts.models import (
    Abstained,
    Bin,
    Continuing,
    Evaluation,
    History,
    Judging,
    Model,
    Patient,
    Recommendation,
    Recommender,
    Remembering,
    Slot,
    Trained,
)
from kernel.contracts.offers import Code, CodeBook, Offer, offer_of
from kernel.contracts.plugins import (
    API_VERSION,
    AdminPage,
    Erased,
    Export,
    Job,
    Manifest,
    NoSettings,
    Panel,
    Subscription,
)
from kernel.contracts.profiles import (
    Audience,
    Customer,
    MailLimit,
    Suppressed,
    SuppressionReason,
    Trait,
    Where,
)
from kernel.contracts.tenancy import Brand, Reseller, Sender, Sending, Tenant
from kernel.db.ddl import append_only, tenant_table
from kernel.db.migrate import sql_migration
from kernel.events.outbox import emit
from kernel.hookspecs import hookimpl
from kernel.jobs.port import enqueue
from kernel.jobs.port import waits as job_waits
from kernel.jobs.progress import Progress, progress
from kernel.mail.sharing import substitutions
from kernel.models.cards import Card, artefact_in_use, card, note_offers, recommend
from kernel.models.features import FEATURES, features
from kernel.models.files import clean as clean_orders
from kernel.models.history import before, history, read_history
from kernel.models.measure import (
    auc,
    baselines,
    future,
    losses,
    matrix,
    measures,
    reliability,
)
from kernel.models.showing import Showcase, Shown, suggest
from kernel.pipeline import approvals, campaigns, messages, variants, why, wording, wordlists
from kernel.pipeline.approvals import cancel_campaigns
from kernel.pipeline.copies import read_copies
from kernel.pipeline.explore import explore, explores
from kernel.pipeline.heard import Heard, heard
from kernel.pipeline.outcomes import cancel_planned
from kernel.pipeline.outcomes import record as record_outcomes
from kernel.pipeline.statistics import SenderDay, sender_statistics
from kernel.pipeline.suppressing import suppress
from kernel.profiles.consent import set_consent, set_consents
from kernel.profiles.consent_anchor import anchors as consent_anchors
from kernel.profiles.consent_anchor import export as consent_export
from kernel.profiles.consent_history import ConsentEntry, consent_history
from kernel.profiles.consent_tracking import set_tracking_consent
from kernel.profiles.consent_verify import verify as consent_verify
from kernel.profiles.frames import CUSTOMERS, LINES, ORDERS, PRODUCTS, clean_text
from kernel.profiles.intake import (
    Counts,
    finish_import,
    merge_customers,
    merge_orders,
    merge_products,
)
from kernel.profiles.live import create_customers, place_orders
from kernel.profiles.orders import MergedOrders
from kernel.profiles.repo import customer, customers_page, find_customer, order_lines, timeline
from kernel.profiles.suppression import suppressed, unsuppress
from kernel.profiles.suppression_page import SuppressionLine, SuppressionPage
from kernel.profiles.suppression_page import page as suppression_page
from kernel.profiles.traits import traits_of, write_trait_frame, write_traits
from kernel.runtime.engine import Engine, open_engine
from kernel.tenancy.audit import record as record_audit
from kernel.tenancy.health import tell as tell_health
from kernel.tenancy.keys import decrypt, encrypt, seal, seals
from kernel.tenancy.links import is_ours, public_url, sign, verify
from kernel.tenancy.repository import TenantRepository
from kernel.tenancy.switches import set_clock
from kernel.web import charts
from kernel.web.auth import sign_in_link
from kernel.web.formats import Formats

__all__ = [
    "API_VERSION",
    "CUSTOMERS",
    "FEATURES",
    "LINES",
    "ORDERS",
    "PRODUCTS",
    "Abstained",
    "Action",
    "AdminPage",
    "Advice",
    "Audience",
    "AutonomyChanged",
    "AutonomyDigest",
    "Bin",
    "Brand",
    "Brief",
    "Campaign",
    "CampaignFinished",
    "CampaignProposed",
    "CampaignType",
    "Candidate",
    "Card",
    "Change",
    "Channel",
    "Clock",
    "ClockSet",
    "Code",
    "CodeBook",
    "Conflict",
    "ConsentChanged",
    "ConsentEntry",
    "Context",
    "Continuing",
    "Copy",
    "Counts",
    "Customer",
    "CustomerCreated",
    "Database",
    "DecideContext",
    "Decision",
    "Difference",
    "Engine",
    "Erased",
    "Evaluation",
    "Event",
    "Export",
    "Finding",
    "Findings",
    "Forbidden",
    "Formats",
    "Frozen",
    "Grant",
    "Guarded",
    "Heard",
    "History",
    "ImportFinished",
    "InvalidConfig",
    "InvalidInput",
    "Job",
    "Judging",
    "KernelError",
    "LinkFollowed",
    "MailLimit",
    "MailLinks",
    "Mailbox",
    "Manifest",
    "MergedOrders",
    "MessageVars",
    "MessagesAccepted",
    "Model",
    "NoSettings",
    "NotFound",
    "Offer",
    "Option",
    "OrderPlaced",
    "Outcome",
    "Outgoing",
    "Panel",
    "Patient",
    "Pending",
    "Progress",
    "Receipt",
    "Recipient",
    "Recommendation",
    "Recommender",
    "Remembering",
    "Rendered",
    "Reseller",
    "Scalar",
    "Sender",
    "SenderDay",
    "Sending",
    "Shared",
    "Showcase",
    "Shown",
    "Slot",
    "Subscription",
    "Suppressed",
    "SuppressionLine",
    "SuppressionPage",
    "SuppressionReason",
    "Tenant",
    "TenantRepository",
    "TrackingConsent",
    "Trained",
    "Trait",
    "Unavailable",
    "Verdict",
    "Where",
    "Written",
    "append_only",
    "approvals",
    "artefact_in_use",
    "auc",
    "baselines",
    "before",
    "campaigns",
    "cancel_campaigns",
    "cancel_planned",
    "canonical",
    "card",
    "charts",
    "clean_orders",
    "clean_text",
    "consent_anchors",
    "consent_export",
    "consent_history",
    "consent_verify",
    "create_customers",
    "customer",
    "customers_page",
    "decrypt",
    "digest",
    "emit",
    "encrypt",
    "enqueue",
    "explore",
    "explores",
    "features",
    "find_customer",
    "finish_import",
    "future",
    "heard",
    "history",
    "hookimpl",
    "is_ours",
    "job_waits",
    "losses",
    "mailbox_of",
    "matrix",
    "measures",
    "merge_customers",
    "merge_orders",
    "merge_products",
    "messages",
    "new_id",
    "note_offers",
    "offer_of",
    "open_engine",
    "order_lines",
    "place_orders",
    "progress",
    "public_url",
    "read_copies",
    "read_history",
    "recommend",
    "record_audit",
    "record_outcomes",
    "reliability",
    "seal",
    "seals",
    "sender_statistics",
    "set_clock",
    "set_consent",
    "set_consents",
    "set_tracking_consent",
    "sign",
    "sign_in_link",
    "sql_migration",
    "substitutions",
    "suggest",
    "suppress",
    "suppressed",
    "suppression_page",
    "tell_health",
    "tenant_table",
    "timeline",
    "traits_of",
    "unsuppress",
    "variants",
    "verify",
    "why",
    "wording",
    "wordlists",
    "write_trait_frame",
    "write_traits",
]
