"""What plugins declare at boot: kept by key with its owner, or refused with the reason."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kernel.contracts.errors import BootError, NotFound
from kernel.contracts.events import KERNEL_EVENTS
from kernel.sdk import Frozen, NoSettings

GOOD = """
import click
from datetime import datetime
from typing import ClassVar
from litestar import get, post

class Happened(Event):
    type: ClassVar[str] = "{name}.happened"

class Way:
    name = "{name}_way"
    async def send(self, ctx, batch): return []
    async def settle(self, ctx, message_ids): return []

async def handle(ctx, events): pass
async def work(ctx, payload): pass

@get("/", sync_to_thread=False)
def show() -> None: ...

@post("/", sync_to_thread=False)
def act() -> None: ...

@hookimpl
def campaign_types():
    return [CampaignType(name="{name}", title="t", purpose="p", audience=Audience(),
                         copies={{"friendly": Copy(subject="s", body="b")}})]
@hookimpl
def channels(): return [Way()]
@hookimpl
def event_types(): return [Happened]
@hookimpl
def subscriptions():
    return [Subscription(name="told", event=Happened, handle=handle),
            Subscription(name="ordered", event=OrderPlaced, handle=handle)]
@hookimpl
def jobs(): return [Job(name="work", run=work, daily_at="06:30")]
@hookimpl
def routes(): return [show, act]
@hookimpl
def public_routes(): return [act]
@hookimpl
def commands(): return [click.Command("{name}-run")]
"""


def test_everything_is_kept_by_key_with_its_owner(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("aa", GOOD.format(name="aa")), plugin("bb", GOOD.format(name="bb"), order=1)
    )
    assert {key: o.plugin for key, o in board.campaign_types.items()} == {"bb": "bb", "aa": "aa"}
    assert board.channels["aa_way"].plugin == "aa"
    assert board.event_types["bb.happened"].plugin == "bb"
    assert list(board.subscriptions) == ["bb.told", "bb.ordered", "aa.told", "aa.ordered"]
    assert board.jobs["aa.work"].value.daily_at == "06:30"
    assert [owned.plugin for owned in board.routes] == ["bb", "bb", "aa", "aa"]
    assert [owned.plugin for owned in board.public_routes] == ["bb", "aa"]
    assert list(board.commands) == ["bb-run", "aa-run"]


def test_the_kernels_own_events_can_be_decoded_and_not_be_taken(plugin, boarded) -> None:
    board, _ = boarded()
    assert [o.value for o in board.event_types.values()] == list(KERNEL_EVENTS)
    source = "@hookimpl\ndef event_types(): return [OrderPlaced]"
    with pytest.raises(BootError, match=r"`order\.placed` is already kernel's"):
        boarded(plugin("aa", source))


def test_two_plugins_with_one_key_do_not_boot(plugin, boarded) -> None:
    same = GOOD.format(name="aa")
    with pytest.raises(BootError) as caught:
        boarded(plugin("aa", same), plugin("bb", same))
    found = "\n".join(caught.value.problems)
    for hook, key in [
        ("campaign_types", "aa"),
        ("channels", "aa_way"),
        ("event_types", "aa.happened"),
        ("commands", "aa-run"),
    ]:
        assert f"bb: {hook}: `{key}` is already aa's" in found


@pytest.mark.parametrize(
    ("hook", "value", "problem"),
    [
        ("jobs", "None", "aa: jobs: must return a list, not NoneType"),
        ("jobs", "{}", "aa: jobs: must return a list, not dict"),
        ("jobs", "[1]", "aa: jobs: must list Job, not int"),
        ("jobs", "1 / 0", "aa: jobs: raised ZeroDivisionError: division by zero"),
        ("jobs", "exit(1)", "aa: jobs: raised SystemExit: 1"),
        ("jobs", "[Job(name='wo', run=print)]", "`wo`: run must be `async def`"),
        ("jobs", "[Job(name='Wo rk', run=work)]", "the name 'Wo rk' must be 2 to 40 lower-case"),
        ("jobs", "[Job(name='wo', run=work, every=0)]", "`every` must be more than 0 seconds"),
        ("jobs", "[Job(name='wo', run=work, daily_at='24:00')]", "must be HH:MM, not '24:00'"),
        ("jobs", "[Job(name='wo', run=work, every=9, daily_at='01:00')]", "not both"),
        ("jobs", "[Job(name='wo', run=work)] * 2", "`aa.wo` is already aa's"),
        ("campaign_types", "['welcome']", "must list CampaignType, not str"),
        (
            "campaign_types",
            "[CampaignType(name='A', title='', purpose='', audience=Audience(), copies={})]",
            "`A` is not valid: Expected `str` matching regex",
        ),
        (
            "campaign_types",
            "[CampaignType(name='ab', title='', purpose='', audience=Audience(), copies={})]",
            "`ab` has no copy for any tone",
        ),
        ("channels", "[work]", "function has no name"),
        (
            "channels",
            "[type('Way', (), {'name': 'way', 'send': print})()]",
            "Way has no `async def send`",
        ),
        ("event_types", "[int]", "must list subclasses of Event, not <class 'int'>"),
        ("event_types", "[type('Nameless', (Event,), {})]", "Nameless names no `type`"),
        ("subscriptions", "[Subscription(name='ab', event=int, handle=work)]", "subclass of Event"),
        (
            "subscriptions",
            "[Subscription(name='ab', event=OrderPlaced, handle=print)]",
            "`ab`: handle must be `async def`",
        ),
        (
            "subscriptions",
            "[Subscription(name='ab', event=Own, handle=work)]",
            "`aa.ab` waits for Own, which no plugin declares with event_types",
        ),
        ("routes", "['/']", "must list Litestar handlers (@get, @post …), not str"),
        ("commands", "['run']", "must list click commands, not str"),
        (
            "admin_panels",
            "[Panel(name='pa', title='t', place='home', template='no.html', data=work)]",
            "`pa`: there is no template no.html in",
        ),
        (
            "admin_panels",
            "[Panel(name='pa', title='t', place='home', template='no.html', data=print)]",
            "`pa`: data must be `async def`",
        ),
    ],
)
def test_what_is_declared_must_be_right(plugin, boarded, hook, value, problem) -> None:
    source = f"""
from typing import ClassVar
async def work(ctx, payload): pass
class Own(Event):
    type: ClassVar[str] = "aa.own"
@hookimpl
def {hook}():
    return {value}
"""
    with pytest.raises(BootError) as caught:
        boarded(plugin("aa", source))
    assert problem in "\n".join(caught.value.problems)


def test_two_routes_with_one_path_and_method(plugin, boarded) -> None:
    source = """
from litestar import get
@get("/x", sync_to_thread=False)
def one() -> None: ...
@get(["/x", "/y"], sync_to_thread=False)
def two() -> None: ...
@hookimpl
def routes(): return [one, two]
"""
    with pytest.raises(BootError, match="GET aa:/x` is already aa's"):
        boarded(plugin("aa", source))


class Own(Frozen):
    days: int = 3


def test_the_owner_of_settings(plugin, boarded) -> None:
    board, _ = boarded(plugin("aa", settings=Own), plugin("bb"))
    assert board.owner_of_settings(Own) == "aa"
    for kind in (NoSettings, SimpleNamespace):
        with pytest.raises(NotFound, match="No installed plugin declares"):
            board.owner_of_settings(kind)


def test_boards_do_not_share_anything(plugin, boarded) -> None:
    pair = plugin("aa", GOOD.format(name="aa"))
    one, _ = boarded(pair)
    other, _ = boarded()
    assert not other.plugins
    assert not other.campaign_types
    assert list(one.plugins) == ["aa"]
