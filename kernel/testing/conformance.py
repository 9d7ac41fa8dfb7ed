"""The conformance kit: a plugin's test calls it, and it says what the plugin promises and breaks.

    def test_it_is_a_plugin():
        conformance.check_plugin(plugin)

    async def test_it_keeps_the_contracts_of_its_hooks(alpha):
        await conformance.check_behaviour(alpha, "my_plugin")

Mailwright's own plugins pass the same checks (tests/conformance). Each failed check is an
AssertionError that lists every fault found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

from kernel.contracts.base import canonical, new_id
from kernel.contracts.decisions import Candidate, DecideContext, Decision, Guarded, Option
from kernel.contracts.events import (
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
from kernel.pipeline import compose, features
from kernel.pipeline.decide import nonsense
from kernel.pipeline.frames import possible
from kernel.pipeline.guard import UNTOLD, settle
from kernel.plugboard.checking import check_module
from kernel.plugboard.parts import Failure
from kernel.tenancy.scope import TenantScope
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers, add_order

EMAIL, FIRST, LAST = "grace.hopper@example.com", "Gracinda", "Hopperova"

_TABLES = """
SELECT c.table_name FROM information_schema.columns c
JOIN pg_tables t ON t.tablename = c.table_name AND t.schemaname = c.table_schema
WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' ORDER BY 1
"""


def check_plugin(module: ModuleType) -> None:
    """The plugin whose `plugin.py` this is would boot, and imports no more than it may."""
    manifest = getattr(module, "MANIFEST", None)
    problems = check_module(getattr(manifest, "name", module.__name__), module)
    _refuse(problems)


async def check_behaviour(ctx: TenantScope, name: str, events: Sequence[Event] = ()) -> None:
    """The installed plugin keeps the contracts of its hooks, jobs and handlers for a small shop.

    Checked: batches of none, one and several get as many answers; decisions depend on their
    arguments alone, and guardrails narrow them; slots and headers of others are kept; handlers, jobs that run by themselves
    and `tenant_enabled` may run twice; what is erased is gone from the export. Nothing of it
    stays in the database.

    Args:
        ctx: the fixture `alpha`, where every plugin is enabled.
        name: the plugin's.
        events: samples of the plugin's own event types, where it subscribes to them.
    """
    kit = _Kit(ctx, name)
    assert name in ctx.enabled, f"plugin `{name}` is not installed and enabled for {ctx.tenant.id}"
    async with _undone(ctx):
        with kit.catching():
            shop = await _shop(kit)
            for check in (_decides, _guards, _rules, _fills, _lives, _handles, _works, _forgets):
                await check(kit, shop, events)
    _refuse(kit.faults)


@dataclass
class _Kit:
    ctx: TenantScope
    name: str
    faults: list[str] = field(default_factory=list)

    @property
    def board(self) -> Any:
        return self.ctx.core.board

    @property
    def only(self) -> frozenset[str]:
        return frozenset([self.name])

    def has(self, hook: str) -> bool:
        return hook in self.board.plugins[self.name].hooks

    def fault(self, what: str, said: str) -> None:
        self.faults.append(f"{self.name}: {what}: {said}")

    def catching(self) -> Any:
        return _Reports(self)

    async def twice(self, what: str, call: Any) -> None:
        """The second time changes nothing: the state after both is the same."""
        try:
            await call()
            before = await _state(self.ctx)
            await call()
            after = await _state(self.ctx)
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises is a fault of it
            self.fault(what, f"raised {type(error).__name__}: {error}")
            return
        changed = sorted(table for table in after if after[table] != before.get(table))
        if changed:
            self.fault(what, f"run a second time it changed {', '.join(changed)}")


class _Reports:
    """While it is open, failures that the board reports are faults."""

    def __init__(self, kit: _Kit) -> None:
        self.kit = kit

    def __enter__(self) -> None:
        self.before = self.kit.board.report
        self.kit.board.report = self.note

    def __exit__(self, *_: object) -> None:
        self.kit.board.report = self.before

    def note(self, failure: Failure) -> None:
        if failure.plugin == self.kit.name:
            self.kit.fault(failure.what, failure.text)


@dataclass
class _Shop:
    customers: list[int]
    kind: Any = None
    campaign: Any = None
    batch: list[Any] = field(default_factory=list)
    order_id: int = 0


async def _shop(kit: _Kit) -> _Shop:
    ctx, board = kit.ctx, kit.board
    customers = await add_customers(ctx, 3)
    customers += await add_customers(ctx, 1, email=EMAIL, first_name=FIRST, last_name=LAST)
    orders = [
        await add_order(ctx, customer, ctx.now - timedelta(days=days))
        for customer in customers[1:]
        for days in (200, 100)
    ]
    shop = _Shop(customers, order_id=orders[-1])
    offered = list(board.campaign_types.values())
    offered.sort(key=lambda owned: owned.plugin != kit.name)
    if offered:
        shop.kind = offered[0].value
        shop.campaign = await add_campaign(ctx, shop.kind.name)
        shop.batch = await add_messages(ctx, shop.campaign, customers)
    return shop


async def _given(kit: _Kit, shop: _Shop) -> tuple[DecideContext, list[Candidate]]:
    frame = DecideContext(
        tenant=kit.ctx.tenant,
        campaign=shop.campaign,
        now=kit.ctx.now,
        actions=possible(shop.kind, guarded=True),
        settings=kit.ctx.all_settings(),
    )
    rows = [
        features.Row(message_id=m.id, customer_id=m.customer_id, step=m.step) for m in shop.batch
    ]
    people = await features.people(kit.ctx, shop.campaign, rows)
    return frame, [person.candidate for person in people]


async def _decides(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    if not kit.has("decide") or not shop.batch:
        return
    frame, candidates = await _given(kit, shop)

    async def ask(some: list[Any]) -> list[bytes]:
        found = await kit.board.first("decide", kit.only, "candidates", some, ctx=frame)
        for answer in filter(None, found):
            if problem := nonsense(answer.value, {}):
                kit.fault("decide", f"answered nonsense: {problem}")
        return [canonical(answer.value) if answer else b"" for answer in found]

    together = await ask(candidates)
    if together != await ask(candidates):
        kit.fault("decide", "asked twice, it answered differently; a replay would fail")
    alone = [(await ask([candidate]))[0] for candidate in candidates]
    if together != alone:
        kit.fault("decide", "it answers differently for one candidate alone; a replay would fail")


async def _guards(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    if not kit.has("adjust_decisions") or not shop.batch:
        return
    frame, [candidate, *_] = await _given(kit, shop)
    for action in frame.actions:
        option = Option(action=action, probability=1.0)
        asked = Decision(chosen=action, options=(option,), reasons=("a test",), policy="kit/1")
        before = Guarded(decision=asked, action=action)
        [after] = await kit.board.chain(
            "adjust_decisions", kit.only, "decisions", [before],
            ctx=kit.ctx, given=frame, candidates=[candidate],
        )  # fmt: skip
        for change in settle(frame, before, after, kit.only).changes:
            if change.guardrail in ("narrowing", UNTOLD):
                kit.fault("adjust_decisions", change.reason)


async def _rules(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    if not kit.has("compliance_rules") or not shop.batch:
        return
    for stage, batch in (("plan", shop.batch), ("handover", await _mails(kit, shop))):
        for some in ([], batch[:1], batch):
            await kit.board.veto("compliance_rules", kit.only, ctx=kit.ctx, stage=stage, batch=some)


async def _fills(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    if not kit.has("template_vars"):
        return
    for some in ([], shop.batch[:1], shop.batch):
        before = [compose.base_vars(kit.ctx.tenant, message) for message in some]
        after = await kit.board.chain(
            "template_vars", kit.only, "values", before, ctx=kit.ctx, batch=some
        )
        for old, new in zip(before, after, strict=True):
            if lost := sorted(
                old.slots.keys() - new.slots.keys() | old.headers.keys() - new.headers
            ):
                kit.fault("template_vars", f"dropped what others filled in: {', '.join(lost)}")
    await _mails(kit, shop)


async def _mails(kit: _Kit, shop: _Shop) -> list[Any]:
    if not shop.batch:
        return []
    try:
        return list(await rendered(kit.ctx, shop.batch, min(shop.kind.copies)))
    except AssertionError as error:
        kit.fault("campaign_types", f"the mails of {shop.kind.name} cannot be made: {error}")
        return []


async def _lives(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    for hook in ("tenant_enabled", "tenant_disabled"):
        if kit.has(hook):

            async def told(hook: str = hook) -> None:
                await kit.board.notify(hook, kit.only, ctx=kit.ctx)

            await kit.twice(hook, told)


async def _handles(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    samples = {type(event): event for event in [*_samples(kit.ctx, shop), *events]}
    for name, owned in kit.board.subscriptions.items():
        if owned.plugin != kit.name:
            continue
        event = samples.get(owned.value.event)
        if event is None:
            kit.fault(name, f"no sample of {owned.value.event.__name__}: pass one in `events`")
            continue

        async def handled(handle: Any = owned.value.handle, event: Event = event) -> None:
            await handle(kit.ctx, [event])

        await kit.twice(f"subscription {name}", handled)


async def _works(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    for name, owned in kit.board.jobs.items():
        job = owned.value
        by_itself = job.every is not None or job.daily_at is not None
        # A job that commits batch by batch cannot be undone here: it needs a test of its own.
        if owned.plugin == kit.name and by_itself and job.transaction:

            async def run(run: Any = job.run) -> None:
                await run(kit.ctx, {})

            await kit.twice(f"job {name}", run)


async def _forgets(kit: _Kit, shop: _Shop, events: Sequence[Event]) -> None:
    if not kit.has("erase_customer"):
        return
    customer = {"ctx": kit.ctx, "customer_id": shop.customers[-1]}

    async def erase() -> None:
        await kit.board.collect("erase_customer", kit.only, **customer)

    await kit.twice("erase_customer", erase)
    for answer in await kit.board.collect("export_customer", kit.only, **customer):
        text = canonical(answer.value.rows).decode()
        left = [word for word in (EMAIL, FIRST, LAST) if word in text]
        if left:
            kit.fault("erase_customer", f"the export still holds {', '.join(left)}")


def _samples(ctx: TenantScope, shop: _Shop) -> list[Event]:
    at, customer = ctx.now, shop.customers[-1]
    campaign = shop.campaign.id if shop.campaign else new_id(at)
    kind = shop.kind.name if shop.kind else "welcome"
    return [
        CustomerCreated(occurred_at=at, customer_id=customer),
        OrderPlaced(
            occurred_at=at,
            order_id=shop.order_id,
            customer_id=customer,
            amount=Decimal("50.00"),
            currency=ctx.tenant.currency,
        ),
        ConsentChanged(occurred_at=at, customer_id=customer, state="unsubscribed", source="test"),
        ImportFinished(occurred_at=at, kind="orders", written=6),
        ClockSet(occurred_at=at),
        CampaignProposed(occurred_at=at, campaign_id=campaign, campaign_type=kind, audience=4),
        CampaignFinished(occurred_at=at, campaign_id=campaign, campaign_type=kind),
        MessagesAccepted(
            occurred_at=at,
            campaign_id=campaign,
            campaign_type=kind,
            message_ids=tuple(message.id for message in shop.batch),
            customer_ids=tuple(shop.customers),
        ),
        LinkFollowed(
            occurred_at=at,
            message_id=shop.batch[0].id,
            customer_id=customer,
            url="https://shop.example.com/",
        ),
    ]


class _Undo(Exception):
    pass


@asynccontextmanager
async def _undone(ctx: TenantScope) -> AsyncIterator[None]:
    try:
        async with ctx.savepoint():
            yield
            raise _Undo
    except _Undo:
        pass


async def _state(ctx: TenantScope) -> dict[str, str]:
    """Table -> digest of the tenant's rows in it."""
    tables = [row["table_name"] for row in await ctx.db.fetch(_TABLES)]
    digests = " UNION ALL ".join(
        f"SELECT '{table}' AS name, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS "
        f"digest FROM {table} t WHERE tenant_id = $1"
        for table in tables
    )
    rows = await ctx.db.fetch(digests, ctx.tenant.id)
    return {row["name"]: row["digest"] for row in rows}


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise AssertionError("\n".join(["The plugin is not right:", *problems]))
