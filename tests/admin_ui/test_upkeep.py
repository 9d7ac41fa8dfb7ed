from kernel.contracts.events import CustomerCreated
from kernel.events.outbox import emit
from kernel.jobs.progress import progress
from kernel.tenancy import switches
from kernel.tenancy.core import Core
from kernel.web.auth import cookie_name
from tests.admin_ui.browser import HOSTILE, Browser

DEAD = """INSERT INTO events_delivery (tenant_id, event_id, subscription, state, attempts, error)
          VALUES ($1, $2, 'welcome.greet', 'dead', 8, $3)"""


async def test_stop_everything_and_go_on(core: Core, client: Browser) -> None:
    page = await client.submit("/app/stop", 422, reason=" ")
    assert 'id="reason-wrong">A stop needs a reason.' in page
    page = await client.submit("/app/stop", reason=HOSTILE)
    assert "Sending is stopped." in page
    assert HOSTILE not in page
    assert "Sending is stopped." in await client.see("/app/customers")  # on every page
    async with core.tenant_scope("alpha") as ctx:
        assert ctx.tenant.halted_reason == HOSTILE
    assert "was stopped already" in await client.submit("/app/stop", reason="again")
    page = await client.submit("/app/resume")
    assert "Sending goes on." in page
    assert "by Mia" in page
    async with core.tenant_scope("alpha") as ctx:
        assert ctx.tenant.halted_at is None


async def test_dead_letters(core: Core, client: Browser) -> None:
    assert "No dead letters" in await client.see("/app/dead-letters")
    async with core.tenant_scope("alpha") as ctx:
        await emit(ctx, *[CustomerCreated(customer_id=n, occurred_at=ctx.now) for n in range(60)])
        for row in await ctx.db.fetch("SELECT id FROM events_event ORDER BY id"):
            await ctx.db.execute(DEAD, ctx.tenant.id, row["id"], f"ValueError: {HOSTILE}")
        await ctx.db.execute(
            "INSERT INTO jobs_task (tenant_id, job, long, payload, state, error) "
            "VALUES ('alpha', 'winback.rhythm', true, '{}', 'dead', 'KeyError')"
        )
    page = await client.see("/app/dead-letters")
    assert HOSTILE not in page
    assert "winback.rhythm" in page
    assert page.count('name="event_id"') == 50
    following = page.partition('rel="next" href="')[2].partition('"')[0]
    assert (await client.see(following.replace("&amp;", "&"))).count('name="event_id"') == 10

    first = page.partition('name="event_id" value="')[2].partition('"')[0]
    said = await client.submit(
        "/app/dead-letters/replay", event_id=first, subscription="welcome.greet"
    )
    assert "It will be tried again" in said
    said = await client.submit(
        "/app/dead-letters/replay", event_id=first, subscription="welcome.greet"
    )
    assert "There is no dead letter" in said
    await client.submit("/app/dead-letters/replay", 400, event_id="x")
    assert "60 will be tried again" in await client.submit("/app/dead-letters/replay", all="yes")
    assert "No dead letters" in await client.see("/app/dead-letters")


async def test_long_work_and_health(core: Core, client: Browser) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "INSERT INTO tenancy_health (tenant_id, plugin, what, error) "
            "VALUES ('alpha', 'rules', 'decide', $1)",
            f"ValueError: {HOSTILE}",
        )
    scope = await core.detached("alpha")
    async with progress(scope, "import", f"Importing {HOSTILE}", total=200) as bar:
        bar.done = 50
        await bar.write(
            "UPDATE jobs_progress SET done = $3, total = $4, note = $5 "
            "WHERE tenant_id = $1 AND key = $2"
        )
        for path in ("/app/", "/app/work"):
            page = await client.see(path)
            assert "50 of 200" in page
            assert 'aria-label="25 % done"' in page
            assert HOSTILE not in page
            assert "decide" in page
    assert "Nothing runs right now." in await client.see("/app/work")
    assert "1 taken off the board" in await client.submit("/app/work/clear-health")
    assert "Nothing fails." in await client.see("/app/")


async def test_plugins_are_switched(core: Core, client: Browser) -> None:
    page = await client.see("/app/plugins")
    assert page.count("Always on") == 2
    page = await client.submit("/app/plugins/winback/switch", to="off")
    assert "Winback is off" in page
    assert "Winback is off" not in await client.see("/app/plugins")  # said once
    client.cookies.set(f"{cookie_name(core)}_said", "forged", domain="mail.test", path="/")
    assert "forged" not in await client.see("/app/plugins")
    async with core.tenant_scope("alpha") as ctx:
        assert "winback" not in ctx.enabled
    await client.submit("/app/plugins/winback/switch", to="on")
    page = await client.submit("/app/plugins/compliance/switch", to="off")
    assert "cannot be switched off" in page
    async with core.tenant_scope("alpha") as ctx:
        assert {"winback", "compliance"} <= ctx.enabled
    await client.see("/app/plugins/unknown", 404)
    await client.submit("/app/plugins/unknown/switch", 404, to="on")


async def test_settings_are_saved_and_checked(core: Core, client: Browser) -> None:
    path = "/app/plugins/cadence"
    page = await client.see(path)
    assert '<input id="f-quiet_from" type="time" value="21:00"' in page
    assert 'type="number" value="2" name="max_mails"' in page
    assert 'min="1" max="100" step="1"' in page
    good = {
        "max_mails": "3", "window_days": "7.5", "min_hours": "0", "quiet_from": "22:00",
        "quiet_until": "07:00", "weekdays": ["mon", "fri"],
    }  # fmt: skip
    page = await client.submit(f"{path}/settings", **good)
    assert "Saved. Cadence uses them now." in page
    async with core.tenant_scope("alpha") as ctx:
        stored = await switches.stored_settings(ctx, "cadence")
        kind = core.board.plugins["cadence"].manifest.settings
        assert ctx.settings(kind).weekdays == ("mon", "fri")
    bad = {**good, "max_mails": "0", "quiet_from": HOSTILE, "weekdays": []}
    page = await client.submit(f"{path}/settings", 422, **bad)
    for name in ("max_mails", "quiet_from", "weekdays"):
        assert f'id="f-{name}-error"' in page
    assert "3 fields must be corrected" in page
    assert HOSTILE not in page
    assert 'value="22:00"' not in page  # what was typed stays typed
    async with core.tenant_scope("alpha") as ctx:
        assert await switches.stored_settings(ctx, "cadence") == stored


async def test_settings_of_a_plugin_that_is_off_are_kept(core: Core, client: Browser) -> None:
    await client.submit("/app/plugins/outbox/switch", to="off")
    page = await client.submit("/app/plugins/outbox/settings", keep_days="12")
    assert 'value="12"' in page
    assert "The plugin is off" in page
    async with core.tenant_scope("alpha") as ctx:
        assert "outbox" not in ctx.enabled
