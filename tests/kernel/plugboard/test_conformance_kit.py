"""The kit finds what it says it looks for, and leaves nothing behind."""

from __future__ import annotations

import pytest

from kernel.plugboard.board import build_plugboard
from kernel.testing import conformance

TYPE = """
@hookimpl
def campaign_types():
    return [CampaignType(name="made", title="t", purpose="p", audience=Audience(),
                         copies={"friendly": Copy(subject="s {{ word }}", body="b")}, slots=("word",))]
"""
NOTE = """
async def note(ctx, *_):
    await ctx.db.execute(
        "INSERT INTO tenancy_audit (tenant_id, actor, action) VALUES ($1, 'made', 'note')",
        ctx.tenant.id)
"""
CASES = {
    "decide: asked twice, it answered differently": """
import itertools
count = itertools.count()
@hookimpl
async def decide(candidates):
    return [Decision(chosen=Action(send=False), options=(), reasons=(str(next(count)),), policy="p")
            for _ in candidates]
""",
    "decide: it answers differently for one candidate alone": """
@hookimpl
async def decide(candidates):
    chosen = Action(send=len(candidates) > 1)
    return [Decision(chosen=chosen, options=(), reasons=("r",), policy="p")] * len(candidates)
""",
    "decide: answered nonsense: the probabilities sum to 0": """
@hookimpl
async def decide(candidates):
    return [Decision(chosen=Action(send=False), options=(), reasons=(), policy="p")] * len(candidates)
""",
    "adjust_decisions: A guardrail may narrow what was decided; this would widen it": """
from msgspec.structs import replace
@hookimpl
async def adjust_decisions(decisions):
    return [replace(one, action=replace(one.action, offer="percent/90")) for one in decisions]
""",
    "adjust_decisions: A guardrail changed this and did not say why": """
from msgspec.structs import replace
@hookimpl
async def adjust_decisions(decisions):
    return [replace(one, action=Action(send=False)) for one in decisions]
""",
    "compliance_rules: Nonsense: answered 1 items where 0 were asked for": """
@hookimpl
async def compliance_rules(batch):
    return [Verdict(outcome="allowed")] * max(1, len(batch))
""",
    "compliance_rules: IndexError": """
@hookimpl
async def compliance_rules(batch):
    return [Verdict(outcome="allowed")] * len(batch) if batch[0] else []
""",
    "template_vars: dropped what others filled in: currency": """
@hookimpl
async def template_vars(values):
    return [MessageVars(slots={"word": "w"}) for _ in values]
""",
    "the mails of made cannot be made": """
@hookimpl
async def template_vars(values):
    return values
""",
    "tenant_enabled: run a second time it changed tenancy_audit": NOTE
    + "@hookimpl\nasync def tenant_enabled(ctx):\n    await note(ctx)\n",
    "subscription made.told: run a second time it changed tenancy_audit": NOTE
    + "@hookimpl\ndef subscriptions():\n"
    + "    return [Subscription(name='told', event=OrderPlaced, handle=note)]\n",
    "job made.work: run a second time it changed tenancy_audit": NOTE
    + "@hookimpl\ndef jobs():\n    return [Job(name='work', run=note, every=60)]\n",
    "job made.work: raised KeyError: 'days'": """
async def work(ctx, payload): payload["days"]
@hookimpl
def jobs(): return [Job(name="work", run=work, daily_at="10:00")]
""",
    "erase_customer: the export still holds grace.hopper@example.com": """
@hookimpl
async def export_customer(ctx, customer_id):
    email = await ctx.db.fetchval(
        "SELECT email FROM profiles_customer WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id, customer_id)
    return Export(rows={"notes": [{"email": email}]})
@hookimpl
async def erase_customer(ctx, customer_id):
    return Erased(rows=0)
""",
    "made.told: no sample of Own: pass one in `events`": """
from typing import ClassVar
class Own(Event):
    type: ClassVar[str] = "made.own"
async def handle(ctx, events): pass
@hookimpl
def event_types(): return [Own]
@hookimpl
def subscriptions(): return [Subscription(name="told", event=Own, handle=handle)]
""",
}


async def _enable(core, pair) -> None:
    core.board = build_plugboard(extra=[pair])
    async with core.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin) VALUES ('alpha', 'made')"
        )


@pytest.mark.parametrize("fault", CASES)
async def test_a_fault_is_found(core, plugin, fault: str) -> None:
    await _enable(core, plugin("made", TYPE + CASES[fault]))
    with pytest.raises(AssertionError) as caught:
        async with core.tenant_scope("alpha") as ctx:
            await conformance.check_behaviour(ctx, "made")
    assert fault.replace("currency", "") in str(caught.value)


async def test_nothing_stays_in_the_database(core, plugin) -> None:
    pair = plugin("made", TYPE + CASES["job made.work: run a second time it changed tenancy_audit"])
    await _enable(core, pair)
    async with core.tenant_scope("alpha") as ctx:
        before = await conformance._state(ctx)
        with pytest.raises(AssertionError):
            await conformance.check_behaviour(ctx, "made")
        assert await conformance._state(ctx) == before


async def test_the_plugin_must_be_installed(alpha) -> None:
    with pytest.raises(AssertionError, match="`nobody` is not installed and enabled for alpha"):
        await conformance.check_behaviour(alpha, "nobody")


def test_check_plugin_lists_every_problem(plugin) -> None:
    _, module = plugin("made", "@hookimpl\ndef nope(): pass\n", api=">=9")
    with pytest.raises(AssertionError) as caught:
        conformance.check_plugin(module)
    assert "made: nope: there is no such hook" in str(caught.value)
    assert "made: it works with kernel.sdk >=9" in str(caught.value)
    _, fine = plugin("fine", requires=("rfm",))
    conformance.check_plugin(fine)
