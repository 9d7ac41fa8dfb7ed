"""Every hook, grouped by concern. A plugin author reads this file and `kernel.sdk`.

A hook is implemented in a plugin's `plugin.py` by a function of the same name marked `@hookimpl`.
It may take fewer arguments than named here, never others. Colour is fixed: a declaring hook is
`def` and runs once at boot; a runtime hook is `async def`. The policy says how answers combine:

    DECLARE  collected at boot; two plugins with the same key refuse to boot
    COLLECT  every answer, each with its plugin's name; a failure counts as no answer
    FIRST    per item: the first answer that is not None; a failure counts as None
    VETO     everyone is asked; an error or a time-out counts as denial
    NOTIFY   everyone is told; errors are isolated and recorded
    CHAIN    each gets the value and may return another; a failure leaves the value as it was

Only plugins that the tenant enabled (and the mandatory ones) are asked, in the order: mandatory,
then what the manifest says by `after` and `order`, then name. All answers of one call share one
deadline.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

if TYPE_CHECKING:
    import click

    from kernel.contracts.campaigns import Brief, CampaignType, Written
    from kernel.contracts.context import Context
    from kernel.contracts.decisions import (
        Advice,
        Candidate,
        DecideContext,
        Decision,
        Guarded,
        Pending,
        Verdict,
    )
    from kernel.contracts.delivery import Channel, Findings, MailLinks, MessageVars, Outgoing
    from kernel.contracts.events import Event
    from kernel.contracts.models import Model
    from kernel.contracts.plugins import Erased, Export, Job, Panel, Subscription

PROJECT = "mailwright"
F = TypeVar("F", bound=Callable[..., Any])


class Policy(enum.Enum):
    """How the answers of several plugins become one."""

    DECLARE = "declare"
    COLLECT = "collect"
    FIRST = "first"
    VETO = "veto"
    NOTIFY = "notify"
    CHAIN = "chain"


_marker = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def hook(policy: Policy) -> Callable[[F], F]:
    """Mark a hook specification with its dispatch policy."""

    def mark(function: F) -> F:
        function.policy = policy  # type: ignore[attr-defined]
        return _marker(function)

    return mark


# --- What a plugin offers: declared at boot ------------------------------------------------------


@hook(Policy.DECLARE)
def campaign_types() -> Sequence[CampaignType]:  # type: ignore[empty-body]
    """Campaign types this plugin proposes. Key: the type's name."""


@hook(Policy.DECLARE)
def channels() -> Sequence[Channel]:  # type: ignore[empty-body]
    """Ways out for messages. Key: the channel's name."""


@hook(Policy.DECLARE)
def event_types() -> Sequence[type[Event]]:  # type: ignore[empty-body]
    """Events this plugin emits, so that they can be stored and read again. Key: the type."""


@hook(Policy.DECLARE)
def subscriptions() -> Sequence[Subscription]:  # type: ignore[empty-body]
    """Handlers of events. Key: `<plugin>.<name>`."""


@hook(Policy.DECLARE)
def jobs() -> Sequence[Job]:  # type: ignore[empty-body]
    """Work done later or regularly for one tenant. Key: `<plugin>.<name>`."""


@hook(Policy.DECLARE)
def routes() -> Sequence[Any]:  # type: ignore[empty-body]
    """Litestar handlers for signed-in merchants, mounted under `/app/x/<plugin>/`. A handler may
    take `ctx: Context`: the tenant of the session, in one transaction. Key: path and method.
    """


@hook(Policy.DECLARE)
def public_routes() -> Sequence[Any]:  # type: ignore[empty-body]
    """Litestar handlers for anyone, mounted under `/t/<tenant>/<plugin>/`, without session and
    without CSRF check: the handler must verify what it is given. Key: path and method.
    """


@hook(Policy.DECLARE)
def admin_panels() -> Sequence[Panel]:  # type: ignore[empty-body]
    """Pieces of the admin's pages. Key: `<plugin>.<name>`."""


@hook(Policy.DECLARE)
def models() -> Sequence[Model]:  # type: ignore[empty-body]
    """What learns from the shop's history and writes traits; the kernel trains, judges, promotes and
    scores it (docs/models.md). Key: the model's name.
    """


@hook(Policy.DECLARE)
def commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Commands of the `mailwright` program. Key: the command's name."""


# --- Deciding ------------------------------------------------------------------------------------


@hook(Policy.COLLECT)
async def consult(  # type: ignore[empty-body]
    ctx: Context, given: DecideContext, candidates: Sequence[Candidate]
) -> Sequence[Advice | Pending | None]:
    """Ask the world before deciding: one answer per candidate, in their order. Called outside any
    transaction, again and again for those that are `Pending`, also after a crash: keep what was asked
    and answered in tables of your own, by `message_id`. The answer is stored, and comes to your
    `decide` as `candidate.advice`; a replay reads the stored one.
    """


@hook(Policy.FIRST)
async def decide(
    ctx: DecideContext, candidates: Sequence[Candidate]
) -> Sequence[Decision | None] | None:
    """One decision or None per candidate, in their order. Must depend on its arguments alone:
    `mailwright replay` calls it again and compares bytes. A candidate nobody decides is skipped.
    """


# --- Guarding ------------------------------------------------------------------------------------


@hook(Policy.CHAIN)
async def adjust_decisions(  # type: ignore[empty-body]
    ctx: Context,
    given: DecideContext,
    candidates: Sequence[Candidate],
    decisions: Sequence[Guarded],
) -> Sequence[Guarded]:
    """Guardrails: return `decisions` narrowed, each change told by a `Change`. A send may become none,
    or later; an offer may shrink or go; an offer that may be made gets a `Grant`. Nothing may grow: the
    kernel undoes what does. In the transaction that records the decisions.
    """


@hook(Policy.VETO)
async def compliance_rules(  # type: ignore[empty-body]
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """One verdict per message, in their order. Asked twice: at stage "plan" when the decision is
    made, and at stage "handover", with `rendered` set, in the transaction that commits the attempt.
    The strictest verdict of all plugins counts.
    """


# --- Composing -----------------------------------------------------------------------------------


@hook(Policy.FIRST)
async def write_copy(ctx: Context, briefs: Sequence[Brief]) -> Sequence[Written | Pending | None]:  # type: ignore[empty-body]
    """Words for variants, in their order; None where another should write. Called outside any
    transaction, again for those that are `Pending`, also after a crash. What is written is checked:
    numbers, prices, links and dates come from slots, and urgency needs an offer that ends.
    """


@hook(Policy.CHAIN)
async def template_vars(  # type: ignore[empty-body]
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """Slots and headers per message, in their order: return `values` with yours added."""


@hook(Policy.CHAIN)
async def mail_links(  # type: ignore[empty-body]
    ctx: Context, batch: Sequence[Outgoing], links: Sequence[MailLinks]
) -> Sequence[MailLinks]:
    """The addresses in each mail, in their order: return them rewritten, to be counted when followed.
    Those that unsubscribe, lead to the preferences or say `rel="nofollow"` are not among them.
    """


@hook(Policy.COLLECT)
async def mail_findings(ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Findings]:  # type: ignore[empty-body]
    """What is wrong with finished mails (`rendered` is set), in their order: one of each variant, for somebody
    who gets it. Asked when a person looks at the words, and before a campaign is approved, which `block` stops.
    """


# --- A tenant's life -----------------------------------------------------------------------------


@hook(Policy.NOTIFY)
async def tenant_enabled(ctx: Context) -> None:
    """This plugin was switched on for the tenant: prepare what it needs. May be told twice."""


@hook(Policy.NOTIFY)
async def tenant_disabled(ctx: Context) -> None:
    """This plugin was switched off for the tenant. Keep the data: it may be switched on again."""


# --- A customer's rights -------------------------------------------------------------------------


@hook(Policy.COLLECT)
async def export_customer(ctx: Context, customer_id: int) -> Export:  # type: ignore[empty-body]
    """All that this plugin keeps about a customer."""


@hook(Policy.COLLECT)
async def erase_customer(ctx: Context, customer_id: int) -> Erased:  # type: ignore[empty-body]
    """Remove or make anonymous all personal data of a customer; counts stay. Safe to run twice."""
