"""What the merchant sees: key, models, circuit, cost; and what is known of a customer, and forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kernel.contracts.errors import InvalidConfig, Unavailable
from plugins.claude import checking, circuit, client, jobs, panels, repo
from plugins.claude.manifest import ClaudeSettings
from tests.plugins.claude.shop import campaign, choose, decide, step

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude


async def test_models_that_can_be_used(core: Core, fake: FakeClaude) -> None:
    await choose(core)
    await checking.run(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        shown = await panels.state(ctx, None)
    assert [(model["name"], model["said"]) for model in shown["models"]] == [
        ("claude-haiku-5-5", "ready"),
        ("claude-sonnet-5-5", "ready"),
    ]
    assert shown["no_key"] == ""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"lifecycle": "retired"}, "it was retired"),
        ({"structured_outputs": False}, "it knows no structured outputs"),
    ],
)
async def test_models_that_cannot(
    core: Core, fake: FakeClaude, facts: dict[str, object], said: str
) -> None:
    await choose(core, model_decide="claude-haiku-9")
    fake.model("claude-haiku-9", **facts)
    with pytest.raises(InvalidConfig, match=said):
        await checking.run(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        shown = await panels.state(ctx, None)
    assert [model["good"] for model in shown["models"]] == [False, True]


async def test_a_model_that_does_not_exist_and_an_api_that_is_down(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core, model_write="claude-poet-1")
    with pytest.raises(InvalidConfig, match="claude-poet-1: there is no such model"):
        await checking.run(await core.detached("alpha"), {})
    fake.fail("refused")
    with pytest.raises(Unavailable, match="could not be reached"):
        await checking.run(await core.detached("alpha"), {})


async def test_models_are_checked_when_first_asked_and_when_they_change(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core)
    count = "SELECT count(*) FROM jobs_task WHERE job = 'claude.models'"
    await decide(core, await campaign(core, 1))
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval(count) == 1, "nobody had checked them"
        await ctx.db.execute("DELETE FROM jobs_task")
    await checking.run(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        settings = ctx.settings(ClaudeSettings)
        await checking.see_to(ctx, settings)
        assert await ctx.db.fetchval(count) == 0, "they were checked a moment ago"
        await ctx.db.execute("UPDATE claude_model SET name = name || '-of-old'")
        await checking.see_to(ctx, settings)
        assert await ctx.db.fetchval(count) == 1


async def test_switching_it_on_has_the_models_checked(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await core.board.notify("tenant_enabled", frozenset(["claude"]), ctx=ctx)
        assert await ctx.db.fetchval("SELECT job FROM jobs_task") == "claude.models"


async def test_each_tenant_has_its_own_key_and_nobody_elses(
    core: Core, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_API_KEY_BRAVO", fake.api_key)
    assert client.key("bravo") == fake.api_key and client.key("alpha") == ""
    await choose(core)
    made = await decide(core, await campaign(core, 2))
    assert {record.plugin for record in made} == {"rules"} and fake.record.count() == 0
    monkeypatch.setenv("ANTHROPIC_API_KEY", "everybody's")
    assert client.key("bravo") == fake.api_key and client.key("alpha") == "everybody's"
    with pytest.raises(msgspec.ValidationError, match="key_variable"):
        msgspec.convert({"key_variable": "ANTHROPIC_API_KEY_BRAVO"}, ClaudeSettings)


async def test_without_a_key_it_says_so(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    await checking.run(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        shown = await panels.state(ctx, None)
    assert shown["no_key"] == "no Anthropic key is set, so Claude is not asked"


async def test_the_circuit_opens_lets_one_try_and_closes(core: Core) -> None:
    settings = ClaudeSettings(open_after=2, open_seconds=60.0)
    async with core.tenant_scope("alpha") as ctx:
        await circuit.failed(ctx, settings, "500")
        assert await circuit.why_closed_off(ctx) == ("", False)
        await circuit.failed(ctx, settings, "529")
        reason, probing = await circuit.why_closed_off(ctx)
        assert "2 failures in a row, the last: 529" in reason
        assert not probing
        assert (await panels.state(ctx, None))["circuit"]["open"]
        await ctx.db.execute("UPDATE claude_circuit SET open_until = now() - interval '1 s'")
        assert await circuit.why_closed_off(ctx) == ("", True)
        assert (await circuit.why_closed_off(ctx))[0] != ""  # one, and no second beside it
        await circuit.failed(ctx, settings, "500")
        assert (await circuit.why_closed_off(ctx))[0] != ""
        await circuit.good(ctx)
        assert await circuit.why_closed_off(ctx) == ("", False)
    async with core.tenant_scope("bravo") as bravo:
        assert await circuit.why_closed_off(bravo) == ("", False)


async def test_what_is_known_of_a_customer_is_told_and_forgotten(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core, mode="per_customer")
    await decide(core, await campaign(core, 2))
    async with core.tenant_scope("bravo") as bravo:
        assert (await repo.export(bravo, 1)).rows == {"claude_question": []}
        assert (await repo.erase(bravo, 1)).rows == 0
    async with core.tenant_scope("alpha") as ctx:
        ids = [row["id"] for row in await ctx.db.fetch("SELECT id FROM profiles_customer")]
        [row] = (await repo.export(ctx, ids[0])).rows["claude_question"]
        assert "orders_count" in row["facts"] and "Their pause is over" in row["answer"]
        assert (await repo.erase(ctx, ids[0])).rows == 1
        assert (await repo.erase(ctx, ids[0])).rows == 0
        assert (await repo.export(ctx, ids[0])).rows == {"claude_question": []}
        left = await ctx.db.fetch("SELECT facts, answer FROM claude_question ORDER BY facts")
        assert tuple(left[0]) == ("", "")
        assert left[1]["facts"]


async def test_an_answer_about_who_was_erased_meanwhile_is_not_kept(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core, mode="per_customer", direct_below=0)
    await campaign(core, 1)
    fake.batches.polls = 1000
    await step(core)
    await step(core)
    assert fake.record.count("batch_create") == 1
    async with core.tenant_scope("alpha") as ctx:
        [row] = await ctx.db.fetch("SELECT id FROM profiles_customer")
        assert (await repo.erase(ctx, row["id"])).rows == 1
    fake.batches.polls = 0
    await step(core)
    async with core.tenant_scope("alpha") as ctx:
        [question] = await ctx.db.fetch("SELECT * FROM claude_question")
        assert question["state"] == "answered"
        assert (question["facts"], question["answer"]) == ("", "")
        assert question["cost_micros"] > 0


async def test_old_questions_are_forgotten(core: Core, fake: FakeClaude) -> None:
    await choose(core)
    await decide(core, await campaign(core, 2))
    async with core.tenant_scope("alpha") as ctx:
        await jobs.tidy(ctx, {})
        assert await ctx.db.fetchval("SELECT count(*) FROM claude_question") > 0
        await ctx.db.execute("UPDATE claude_question SET created_at = now() - interval '36 days'")
        await ctx.db.execute("UPDATE claude_setup SET used_at = now() - interval '36 days'")
        await jobs.tidy(ctx, {})
        assert await ctx.db.fetchval("SELECT count(*) FROM claude_question") == 0
        assert await ctx.db.fetchval("SELECT count(*) FROM claude_setup") == 0
        assert await ctx.db.fetchval("SELECT spent_micros FROM claude_spend") > 0


async def test_the_panel_shows_it_and_escapes_it(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="bucketed", open_after=1)
    await decide(core, await campaign(core, 2))
    page = Environment(
        loader=FileSystemLoader(Path(panels.__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    ).get_template(panels.STATE.template)
    async with core.tenant_scope("alpha") as ctx:
        await circuit.failed(ctx, ClaudeSettings(open_after=1), "<script>")
        await ctx.db.execute(
            "INSERT INTO claude_model VALUES ('alpha', 'claude-haiku-5-5', false, 'it was retired', now())"
        )
        text = page.render(**await panels.state(ctx, None))
    for said in ("one question for each kind of customer", "of 5.00 US dollars", "it was retired"):
        assert said in text
    assert "&lt;script&gt;" in text and "<script>" not in text
    async with core.tenant_scope("bravo") as bravo:
        shown = await panels.state(bravo, None)
    assert (shown["days"], shown["models"], shown["circuit"]) == ([], [], None)
