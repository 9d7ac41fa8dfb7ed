"""What a plugin declares: its manifest, and the things its declaring hooks return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.context import Context
from kernel.contracts.events import Event

PluginKind = Literal["campaign", "intelligence", "decider", "gate", "channel", "source", "tool"]

API_VERSION = (1, 0)
"""Version of kernel.sdk: the first number changes when a plugin may break."""


class NoSettings(Frozen):
    """The settings of a plugin that has none."""


class AdminPage(Frozen):
    """An entry of the admin's menu, for a page of the plugin's `routes`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=24)]
    group: Literal["intelligence", "deciding", "delivery", "compliance"]
    """Under which heading it stands."""
    path: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9_-]+(/[a-z0-9_-]+)*)?$")] = ""
    """Below `/app/x/<plugin>/`; empty for the first page of the plugin."""


class Manifest(Frozen):
    """Facts about a plugin; `MANIFEST` in its `plugin.py` (kept in `manifest.py`)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,29}$")]
    version: str
    title: str
    summary: str
    """One sentence a merchant reads on the plugins page."""
    kind: PluginKind
    api: str = ">=1.0,<2"
    """The versions of kernel.sdk it works with."""
    requires: tuple[str, ...] = ()
    """Plugins that must be enabled with it."""
    after: tuple[str, ...] = ()
    """Plugins that, where enabled, answer before it."""
    order: int = 50
    """Lower answers earlier."""
    settings: type[msgspec.Struct] = NoSettings
    """A frozen Struct in which every field has a default."""
    tables: tuple[str, ...] = ()
    """The tables it owns, each named `<plugin>_<noun>`."""
    piccolo_app: str = ""
    """Dotted path of the module that holds its Piccolo APP_CONFIG."""
    personal_data: bool = False
    """True: it stores personal data, so it must answer export_customer and erase_customer."""
    encrypted: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")], str] = (
        msgspec.field(default_factory=dict)
    )
    """Columns filled by `kernel.sdk.encrypt`, as `<table>.<column>`, each with the purpose it was given:
    `mailwright keys rotate` encrypts them anew.
    """
    pages: tuple[AdminPage, ...] = ()
    """What of its `routes` stands in the admin's menu, where the plugin is on."""
    docs: str = ""


class Job(Frozen):
    """Work done later or regularly for one tenant, as `<plugin>.<name>`; safe to run twice."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    run: Callable[[Context, dict[str, Any]], Awaitable[None]]
    every: float | None = None
    """Seconds between runs, on the tenant's clock."""
    daily_at: str | None = None
    """"HH:MM" in the tenant's time zone, instead of `every`."""
    long: bool = False
    """True: may take minutes; runs on its own queue."""
    transaction: bool = True
    """False: the job commits by itself, batch by batch, with `ctx.transaction()`."""


class Subscription(Frozen):
    """A handler of one event type, called with a batch, at least once; it must be idempotent."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    event: type[Event]
    handle: Callable[[Context, Sequence[Event]], Awaitable[None]]


class Panel(Frozen):
    """A piece of an admin page that a plugin draws.

    `data` returns what the Jinja2 template `template` (a path under the plugin's `templates/`)
    is given, or None to be left out. `subject` is the customer, campaign or message shown.
    """

    name: str
    title: str
    place: Literal["home", "customer", "campaign", "message"]
    template: str
    data: Callable[[Context, Any], Awaitable[dict[str, Any] | None]]
    order: int = 50


class Export(Frozen):
    """What a plugin keeps about one customer: table or topic -> rows."""

    rows: dict[str, list[dict[str, Any]]]


class Erased(Frozen):
    """How many rows a plugin removed or made anonymous for one customer."""

    rows: int
