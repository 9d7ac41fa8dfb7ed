"""Pieces of pages that plugins draw. One that fails becomes a note; the page stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from kernel.contracts.base import Frozen
from kernel.plugboard.parts import Failure
from kernel.web.visit import visit

if TYPE_CHECKING:
    from jinja2 import Environment
    from litestar import Request

    from kernel.contracts.plugins import Panel
    from kernel.plugboard.parts import Owned

DEADLINE = 5.0
"""Seconds for each panel."""


class Drawn(Frozen):
    """A panel as it stands on the page. `html` is None where its plugin failed."""

    plugin: str
    title: str
    html: Markup | None


async def draw(request: Request[Any, Any, Any], place: str, subject: Any = None) -> list[Drawn]:
    """The panels for `place` of every enabled plugin, in the order of `Panel.order`.

    Args:
        request: whose tenant, and whose template environment.
        place: home, customer, campaign or message.
        subject: what the page shows, handed to the panel.
    """
    here = visit(request)
    wanted = [
        owned
        for owned in here.core.board.panels.values()
        if owned.plugin in here.ctx.enabled and owned.value.place == place
    ]
    env: Environment = request.app.template_engine.engine  # type: ignore[union-attr]
    drawn: list[Drawn] = []
    for owned in sorted(wanted, key=lambda owned: (owned.value.order, owned.value.name)):
        try:
            html = await _one(request, env, owned, subject)
        # Whatever a plugin raises is its own failure, in its own savepoint.
        except Exception as error:  # noqa: BLE001
            tenant = here.ctx.tenant.id
            what = f"panel {owned.value.name}"
            here.core.board.report(
                Failure(tenant=tenant, plugin=owned.plugin, what=what, error=error)
            )
            drawn.append(Drawn(plugin=owned.plugin, title=owned.value.title, html=None))
        else:
            if html is not None:
                drawn.append(Drawn(plugin=owned.plugin, title=owned.value.title, html=html))
    return drawn


async def _one(
    request: Request[Any, Any, Any], env: Environment, owned: Owned[Panel], subject: Any
) -> Markup | None:
    ctx: Any = visit(request).ctx
    async with asyncio.timeout(DEADLINE), ctx.savepoint():
        data = await owned.value.data(ctx, subject)
        if data is None:
            return None
        name = owned.value.template
        if not name.startswith(f"{owned.plugin}/"):
            name = f"{owned.plugin}/{name}"
        return Markup(env.get_template(name).render({**data, "request": request}))  # noqa: S704
