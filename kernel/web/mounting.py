"""Plugin routes, mounted behind the walls: a plugin cannot forget them, since it never sees them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.response import Redirect, Template

from kernel.contracts.context import Context
from kernel.contracts.errors import BootError
from kernel.web.auth import check_csrf, leave
from kernel.web.visit import visit
from kernel.web.walls import wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kernel.contracts.plugins import AdminPage
    from kernel.plugboard.board import Plugboard
    from kernel.plugboard.parts import Owned

ADMIN = "admin_ui"
"""The plugin whose routes are the admin itself, at `/app/`; all others are at `/app/x/<plugin>/`."""

SESSION_BODY = 1_000_000
PUBLIC_BODY = 2_000_000
"""Bytes a request may bring; a handler may set its own `request_max_body_size`."""

_NAMES = {
    "Context": Context,
    "Redirect": Redirect,
    "Request": Request,
    "Response": Response,
    "Template": Template,
}
"""Names a handler may use in its annotations even if it imports them for type checking only."""


def mount(app: Litestar, board: Plugboard) -> None:
    """Put the routes of every plugin behind their walls, and signing out.

    Raises:
        BootError: a plugin's routes cannot be used; it names the plugin.
    """
    app.register(_session("/app", "", [leave]))
    routes = _by_plugin(board.routes)
    for plugin, handlers in routes.items():
        _register(app, plugin, lambda: _session(home_of(plugin), plugin, handlers))  # noqa: B023
    for name, installed in board.plugins.items():
        shown = {path.strip("/") for one in routes[name] for path in getattr(one, "paths", ())}
        if missing := [page.path for page in installed.manifest.pages if page.path not in shown]:
            raise BootError(
                f"Plugin `{name}` has no route for {missing}, which its manifest names in `pages`.",
                "Correct the path, or return the handler from the hook `routes`.",
            )
    for plugin, handlers in _by_plugin(board.public_routes).items():
        _register(app, plugin, lambda: _public(plugin, handlers))  # noqa: B023


def home_of(plugin: str) -> str:
    """Where the routes of a plugin for signed-in merchants begin."""
    return "/app" if plugin == ADMIN else f"/app/x/{plugin}"


def page_url(plugin: str, page: AdminPage) -> str:
    """The path of a page that a plugin has in the menu."""
    return f"{home_of(plugin)}/{page.path}"


def _register(app: Litestar, plugin: str, make: Callable[[], Router]) -> None:
    try:
        app.register(make())
    # Litestar looks at handlers here, and raises whatever it stumbles on.
    except Exception as error:
        raise BootError(
            f"The routes of plugin `{plugin}` cannot be used: {error}.",
            "Correct its handlers, or uninstall it.",
        ) from error


def _public(plugin: str, handlers: list[Any]) -> Router:
    return Router(
        f"/t/{{tenant_id:str}}/{plugin}",
        route_handlers=handlers,
        middleware=[wall(plugin, public=True)],
        dependencies={"ctx": Provide(_ctx)},
        signature_namespace=_NAMES,
        request_max_body_size=PUBLIC_BODY,
    )


def _session(path: str, plugin: str, handlers: list[Any]) -> Router:
    return Router(
        path,
        route_handlers=handlers,
        middleware=[wall(plugin)],
        guards=[check_csrf],
        dependencies={"ctx": Provide(_ctx)},
        signature_namespace=_NAMES,
        request_max_body_size=SESSION_BODY,
    )


async def _ctx(request: Request[Any, Any, Any]) -> Any:
    return visit(request).ctx


def _by_plugin(routes: Iterable[Owned[Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for owned in routes:
        found[owned.plugin].append(owned.value)
    return found
