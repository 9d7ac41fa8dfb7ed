"""Three small plugins: `guard` is mandatory, `greeter` has settings, `caller` needs `greeter`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Annotated, Any, Literal

import msgspec

from kernel.contracts.plugins import Manifest
from kernel.contracts.tenancy import Colour
from kernel.hookspecs import hookimpl
from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.sdk import Frozen

told: list[tuple[str, str, str]] = []
"""(hook, plugin, tenant) of every tenant_enabled and tenant_disabled."""


class Hours(Frozen):
    start: Annotated[int, msgspec.Meta(ge=0, le=23)] = 20
    end: Annotated[int, msgspec.Meta(ge=0, le=23)] = 8

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("start and end must differ")


class GreeterSettings(Frozen):
    days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30
    tone: Literal["warm", "plain"] = "plain"
    colour: Colour = "#000000"
    hours: Hours = Hours()
    max_tokens: int = 500
    api_key_env: str = ""


class CallerSettings(Frozen):
    number: str = ""


class GuardSettings(Frozen):
    strict: bool = True


def _module(
    name: str, settings: type[msgspec.Struct], requires: tuple[str, ...] = ()
) -> ModuleType:
    module: Any = ModuleType(f"toys_{name}")
    module.MANIFEST = Manifest(
        name=name,
        version="1.0",
        title=name.title(),
        summary="A toy.",
        kind="tool",
        settings=settings,
        requires=requires,
    )

    async def tenant_enabled(ctx: Any) -> None:
        told.append(("enabled", name, ctx.tenant.id))
        if ctx.tenant.name == "Breaks":
            await ctx.db.execute("SELECT no_such_column")
        # What the plugin sees is its own tenant, with the settings that hold from now on.
        assert ctx.settings(settings) is not None and name in ctx.enabled
        assert await ctx.db.fetchval("SELECT count(*) FROM tenancy_tenant") == 1

    async def tenant_disabled(ctx: Any) -> None:
        told.append(("disabled", name, ctx.tenant.id))
        assert name not in ctx.enabled

    module.tenant_enabled = hookimpl(tenant_enabled)
    module.tenant_disabled = hookimpl(tenant_disabled)
    sys.modules[module.__name__] = module
    return module  # type: ignore[no-any-return]


def toy_board() -> Plugboard:
    modules = [
        ("greeter", _module("greeter", GreeterSettings)),
        ("caller", _module("caller", CallerSettings, ("greeter",))),
        ("guard", _module("guard", GuardSettings)),
    ]
    return build_plugboard(mandatory=("guard",), extra=modules, only=())
