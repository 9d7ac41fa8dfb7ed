"""The web application: health, sign-in, static files, and every plugin's routes behind the walls."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from litestar import Litestar, get
from litestar.exceptions import HTTPException, LitestarDeprecationWarning
from litestar.response import Redirect
from litestar.template import TemplateConfig

from kernel.contracts.errors import KernelError
from kernel.web import auth, health, mounting, templating
from kernel.web.errors import answer
from kernel.web.headers import guard_headers
from kernel.web.hosts import link_hosts
from kernel.web.static import StaticFiles

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


@get("/")
async def front_door() -> Redirect:
    """Whoever comes to the bare address means the admin."""
    return Redirect("/app/")


def create_app(core: Core, *, frame_ancestors: str = "'self'") -> Litestar:
    """The application on an open Core, whose life is the caller's.

    Args:
        core: what every request opens its tenant scope with.
        frame_ancestors: sites that may frame the admin, as in a Content-Security-Policy.

    Raises:
        BootError: a plugin's routes cannot be used; it names the plugin.
    """
    static = StaticFiles(templating.folders(core.board, "static"))
    routes = [auth.ask, auth.enter, auth.left, front_door, health.alive, health.ready]
    with warnings.catch_warnings():
        # Handlers of plugins take `ctx` and path parameters by name alone. We stay with Litestar 2.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Litestar(
            [*routes, static.route()],
            template_config=TemplateConfig(instance=templating.engine(core.board, static)),
            exception_handlers={KernelError: answer, HTTPException: answer, Exception: answer},
            before_send=[guard_headers(core.production, frame_ancestors)],
            openapi_config=None,
            logging_config=None,
            request_max_body_size=mounting.SESSION_BODY,
        )
        app.state.core = core
        mounting.mount(app, core.board)
    app.asgi_handler = link_hosts(core, app.asgi_handler)
    return app
