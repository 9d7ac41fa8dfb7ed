"""The web application: health, sign-in, static files, and every plugin's routes behind the walls."""

from __future__ import annotations

import warnings
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar, get
from litestar.exceptions import HTTPException, LitestarDeprecationWarning
from litestar.response import Redirect
from litestar.template import TemplateConfig

from kernel.contracts.errors import KernelError
from kernel.web import auth, health, mounting, templating
from kernel.web.errors import answer
from kernel.web.headers import guard_headers
from kernel.web.static import StaticFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core

    Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


@get("/")
async def front_door() -> Redirect:
    """Whoever comes to the bare address means the admin."""
    return Redirect("/app/")


def create_app(core: Core, *, frame_ancestors: str = "'self'") -> Litestar:
    """The application on an open Core, whose life is the caller's.

    Args:
        core: what every request opens its tenant scope with.
        frame_ancestors: sites that may frame the admin, as in a Content-Security-Policy.
    """
    app = _build(core.board, core.production, frame_ancestors, [])
    app.state.core = core
    return app


def app_with(
    board: Plugboard,
    open_core: Callable[[], AbstractAsyncContextManager[Core]],
    *,
    production: bool,
    frame_ancestors: str = "'self'",
) -> Litestar:
    """The application that opens its own Core when the server starts it, for servers that make
    their workers themselves.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_core() as core:
            app.state.core = core
            yield

    return _build(board, production, frame_ancestors, [lifespan])


def _build(
    board: Plugboard, production: bool, frame_ancestors: str, lifespan: Sequence[Lifespan]
) -> Litestar:
    static = StaticFiles(templating.folders(board, "static"))
    routes = [auth.ask, auth.enter, auth.left, front_door, health.alive, health.ready]
    with warnings.catch_warnings():
        # Handlers of plugins take `ctx` and path parameters by name alone. We stay with Litestar 2.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Litestar(
            [*routes, static.route()],
            lifespan=lifespan,
            template_config=TemplateConfig(instance=templating.engine(board, static)),
            exception_handlers={KernelError: answer, HTTPException: answer, Exception: answer},
            before_send=[guard_headers(production=production, frame_ancestors=frame_ancestors)],
            openapi_config=None,
            logging_config=None,
            request_max_body_size=mounting.SESSION_BODY,
        )
        mounting.mount(app, board)
    return app
