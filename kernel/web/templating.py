"""One Jinja2 environment: each plugin's templates under its own name, everything escaped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from markupsafe import Markup

from kernel.web import charts
from kernel.web.auth import csrf_token
from kernel.web.mounting import page_url
from kernel.web.visit import Visit

if TYPE_CHECKING:
    from kernel.contracts.tenancy import Tenant
    from kernel.plugboard.board import Plugboard
    from kernel.web.static import StaticFiles


@dataclass(frozen=True, kw_only=True)
class Shell:
    """What the frame around any page shows; templates get it from `shell()`."""

    tenant: Tenant
    actor: str
    path: str
    enabled: frozenset[str]
    menu: dict[str, list[tuple[str, str]]]
    """Group -> title and address of each page that plugins of the shop put there, by title."""


def folders(board: Plugboard, name: str) -> dict[str, Path]:
    """The folder `name` of the kernel and of every plugin that has one, by owner."""
    places = {"kernel": Path(__file__).parent / name}
    for plugin in board.plugins.values():
        if file := getattr(plugin.module, "__file__", None):
            places[plugin.name] = Path(file).parent / name
    return {owner: folder for owner, folder in places.items() if folder.is_dir()}


def environment(board: Plugboard, static: StaticFiles) -> Environment:
    """Templates are named `<plugin>/<file>` and lie in `templates/<plugin>/` of that plugin, so
    that none can stand in for another's. A variable that was not given is an error.
    """
    loaders = {
        owner: FileSystemLoader(folder / owner)
        for owner, folder in folders(board, "templates").items()
    }
    made = Environment(
        loader=PrefixLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static.url
    made.globals["charts"] = charts
    return made


def engine(board: Plugboard, static: StaticFiles) -> JinjaTemplateEngine:
    """Litestar's engine on our environment, with what depends on the request."""
    made = JinjaTemplateEngine.from_environment(environment(board, static))
    made.register_template_callable("shell", _shell)
    made.register_template_callable("csrf_field", _csrf_field)
    return made


def _visit(context: Mapping[str, Any]) -> Visit:
    found: Visit = context["request"].scope["state"]["visit"]
    return found


def _shell(context: Mapping[str, Any], /) -> Shell:
    visit = _visit(context)
    return Shell(
        tenant=visit.ctx.tenant,
        actor=visit.ctx.actor,
        path=context["request"].scope["path"],
        enabled=visit.ctx.enabled,
        menu=_menu(visit),
    )


def _menu(visit: Visit) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for plugin in visit.core.board.plugins.values():
        for page in plugin.manifest.pages if plugin.name in visit.ctx.enabled else ():
            found[page.group].append((page.title, page_url(plugin.name, page)))
    return {group: sorted(pages) for group, pages in found.items()}


def _csrf_field(context: Mapping[str, Any], /) -> Markup:
    visit = _visit(context)
    token = csrf_token(visit.core, visit.session) if visit.session else ""
    return Markup('<input type="hidden" name="_csrf" value="{}">').format(token)
