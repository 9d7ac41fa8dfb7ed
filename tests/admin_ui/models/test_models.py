"""The pages of models: what they say in each state, and what a merchant can do."""

from __future__ import annotations

import re

import pytest

from admin_ui import learning
from kernel.events.turn import Turn
from kernel.jobs.progress import progress
from kernel.jobs.tasks import run_tasks
from kernel.models import cards, run, store
from kernel.models.cards import Card
from kernel.tenancy import audit, health, switches
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.kernel.models import toy

ONE = "/app/models/toy"


async def work(core: Core) -> None:
    """Do what was asked for."""
    assert not await run_tasks(core, "alpha", Turn(seconds=60), long=True)


async def card(core: Core) -> Card:
    async with core.tenant_scope("alpha") as ctx:
        return await cards.card(ctx, "toy")


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def learned(core: Core, times: int = 1) -> None:
    ctx = await core.detached("alpha")
    for _ in range(times):
        await run.train(ctx, ["toy"])
    await run.score(ctx, ["toy"])


async def test_before_anything_was_learned(core: Core, client: Browser) -> None:
    page = text(await client.see("/app/models"))
    assert "Orders again not trained yet" in page
    assert "It has not been trained yet; that happens tonight." in page
    page = text(await client.see(ONE))
    assert "It was not trained yet That happens" in page and "Nobody scored yet" in page
    assert "Go back" not in page


async def test_a_model_in_use(shop: Core, client: Browser) -> None:
    await learned(shop)
    page = text(await client.see("/app/models"))
    assert "Orders again in use" in page and "Scored 12 customers just now" in page
    assert re.search(r"Log loss 0\.\d+ \(less is better\) · Recency alone \d", page)
    html = await client.see(ONE)
    page = text(html)
    assert "Looks ahead 30 days" in page and "Learned from 12 customers" in page
    assert "Method two rates . It is a toy." in page
    assert "Judged on 12 customers in the 30 days from" in page
    assert html.count("chart-wide") == 2, "its main figure, and whether its probabilities are true"
    assert "Are its probabilities true?" in page and "As expected" in page
    assert "Recency, frequency and money" in page and "AUC More is better." in page
    assert "In use since 2026-06-15. Log loss" in page


async def test_each_attempt_with_what_became_of_it(shop: Core, client: Browser) -> None:
    await learned(shop, 2)
    toy.TOY.wrong = True
    await learned(shop)
    page = text(await client.see(ONE))
    assert "needs a look" in page and "The newest training was refused" in page
    assert "stays in use" in page and "train it now once" in page
    history = page.partition("Every attempt to train it")[2]
    refused, used, before = (history.index(word) for word in ("refused", "in use", "was in use"))
    assert refused < used < before
    assert re.search(r"Log loss \d\.\d+ is worse than the \d\.\d+ of rec", history)


async def test_a_model_without_enough_data_says_what_is_missing(
    core: Core, client: Browser
) -> None:
    await learned(core)
    page = text(await client.see(ONE))
    assert "waits for data" in page and "abstained Missing: 5 customers with an order" in page


async def test_train_now(shop: Core, client: Browser) -> None:
    await client.see(ONE)
    page = await client.submit(f"{ONE}/train")
    assert "It is trained now; this page shows how far it is." in page
    assert "It waits for its turn" in page and "data-live" in page and "disabled" in page
    assert "It waits already." in await client.submit(f"{ONE}/train")
    await work(shop)
    page = await client.see(ONE)
    assert "It waits for its turn" not in page and "data-live" not in page
    assert "Scored 12 customers" in text(page)
    assert (await card(shop)).standing == "in use"
    assert len((await card(shop)).versions) == 1, "asked for twice, trained once"


async def test_progress_of_a_training_is_seen(shop: Core, client: Browser) -> None:
    ctx = await shop.detached("alpha")
    async with progress(ctx, learning.mark("toy"), "Training: Orders again", 2):
        for path in (ONE, "/app/models"):
            page = await client.see(path)
            assert "Training: Orders again" in page and 'data-live="' in page


async def test_a_training_that_fails_says_so_and_recovers(shop: Core, client: Browser) -> None:
    board = health.Health()
    shop.board.report = board.report
    await learned(shop)
    toy.TOY.broken = True
    await client.see(ONE)
    await client.submit(f"{ONE}/train")
    await work(shop)
    await board.flush(shop)
    page = text(await client.see(ONE))
    assert "It failed" in page and "RuntimeError: the toy is broken" in page
    assert "What it learned until 2026-06-15 stays in use." in page and "needs a look" in page
    for path in ("/app/work", "/app/plugins/toy"):
        page = await client.see(path)
        assert "the toy is broken" in page and 'href="/app/models/toy"' in page
    toy.TOY.broken = False
    await client.see(ONE)
    await client.submit(f"{ONE}/train")
    await work(shop)
    page = text(await client.see(ONE))
    assert "the toy is broken" not in page and "needs a look" not in page
    assert "Nothing fails." in await client.see("/app/work")


async def test_going_back_is_confirmed_done_and_noted(shop: Core, client: Browser) -> None:
    await learned(shop, 2)
    page = await client.see(ONE)
    assert "Back to version 1" in page and "Put version 1 into use" in page
    page = await client.submit(f"{ONE}/rollback", to=1)
    assert "Version 1 is put back into use" in page
    await work(shop)
    found = await card(shop)
    assert found.in_use is not None and found.in_use.number == 1
    assert found.in_use.reason == "Put back into use by Mia."
    assert found.scoring is not None and found.scoring.number == 1
    async with shop.tenant_scope("alpha") as ctx:
        rows = (await audit.page(ctx)).rows
    assert ("model.rolled_back", "Mia") in [(row["action"], row["actor"]) for row in rows]


@pytest.mark.parametrize("to", ["", "2", "99", "x", "-1"])
async def test_one_cannot_go_to_what_is_not_there(shop: Core, client: Browser, to: str) -> None:
    await learned(shop, 2)
    await client.see(ONE)
    page = await client.submit(f"{ONE}/rollback", status=400, to=to)
    assert "There is no such version" in page
    async with shop.tenant_scope("alpha") as ctx:
        assert not await ctx.db.fetchval("SELECT count(*) FROM jobs_task WHERE tenant_id = 'alpha'")


async def test_a_version_that_is_not_kept_is_not_offered(shop: Core, client: Browser) -> None:
    await learned(shop, store.KEPT + 2)
    page = await client.see(ONE)
    assert "Back to version 3" in page and "Back to version 2" not in page


async def test_looking_changes_nothing_and_forms_need_their_token(
    shop: Core, client: Browser
) -> None:
    for path in (f"{ONE}/train", f"{ONE}/rollback"):
        await client.see(path, status=405)
    client.csrf = ""
    await client.submit(f"{ONE}/train", status=403)
    async with shop.tenant_scope("alpha") as ctx:
        assert not await ctx.db.fetchval("SELECT count(*) FROM jobs_task WHERE tenant_id = 'alpha'")
        assert not await ctx.db.fetchval("SELECT count(*) FROM models_artefact")


async def test_another_shop_has_no_models(shop: Core, client: Browser) -> None:
    await learned(shop)
    async with browser(shop) as bravo:
        await sign_in(bravo, shop, "bravo")
        page = text(await bravo.see("/app/models"))
        assert "No models yet" in page and "Orders again" not in page
        await bravo.see(ONE, status=404)
        await bravo.submit(f"{ONE}/train", status=404)
        await bravo.submit(f"{ONE}/rollback", status=404, to=1)
    await client.see("/app/models/nothing", status=404)


async def test_a_model_of_a_plugin_that_is_off_is_gone_and_so_is_its_line(
    shop: Core, client: Browser
) -> None:
    board = health.Health()
    shop.board.report = board.report
    toy.TOY.broken = True
    await run.nightly(await shop.detached("alpha"))
    await board.flush(shop)
    assert "the toy is broken" in await client.see("/app/work")
    async with shop.tenant_scope("alpha") as ctx:
        await switches.set_plugin(ctx, "toy", False)
    assert "the toy is broken" not in await client.see("/app/work")
    await client.see(ONE, status=404)


async def test_stale_says_what_to_do(shop: Core, client: Browser, clock: TurnedClock) -> None:
    await learned(shop)
    clock.turn(days=50)
    await sign_in(client, shop, "alpha")
    page = text(await client.see("/app/models"))
    assert "needs a look" in page
    assert "Stale: what it knows ends on 2026-06-15. Train it now" in page


async def test_what_a_model_says_is_escaped(
    shop: Core, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "<script>alert(1)</script>"
    monkeypatch.setattr(toy.TOY, "title", hostile, raising=False)
    monkeypatch.setattr(toy.TOY, "about", hostile, raising=False)
    await learned(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE models_artefact SET reason = $1", hostile)
    for path in ("/app/models", ONE):
        page = await client.see(path)
        assert hostile not in page and "&lt;script&gt;" in page
