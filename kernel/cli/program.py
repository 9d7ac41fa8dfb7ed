"""What every command is given as click's `obj`: settings when asked, and a Core around its work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kernel.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard
    from kernel.runtime.engine import Engine
    from kernel.tenancy.core import Core

T = TypeVar("T")


class Program:
    """One run of `mailwright`. Commands take it with `@pass_program`."""

    def __init__(self, *, debug: bool = False) -> None:
        self.debug = debug

    @cached_property
    def settings(self) -> Settings:
        """The installation's settings; the logs are set up with them."""
        from kernel.runtime.logs import configure_logs

        settings = load_settings()
        configure_logs(settings)
        return settings

    @cached_property
    def board(self) -> Plugboard:
        """The plugins, loaded and validated once."""
        from kernel.plugboard import build_plugboard

        return build_plugboard(self.settings.mandatory_plugins, self.settings.stage_deadline)

    def run(self, work: Callable[[Core], Awaitable[T]]) -> T:
        """What `work` returns, given a Core; servers and connections are open around it only.

        Example:
            program.run(lambda core: show(core, tenant))
        """

        async def around() -> T:
            async with self.core() as core:
                return await work(core)

        return self.wait(around())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns."""
        return asyncio.run(work)

    @asynccontextmanager
    async def core(self) -> AsyncIterator[Core]:
        """A Core on running servers (embedded ones when no URL is set)."""
        async with self.engine() as engine:
            context = click.get_current_context(silent=True)
            engine.core.command = context.command_path if context else ""
            yield engine.core

    def engine(self) -> AbstractAsyncContextManager[Engine]:
        """An Engine: the Core, and the settings with the URLs of the running servers."""
        from kernel.runtime.engine import open_engine

        return open_engine(self.settings, self.board)


pass_program = click.make_pass_decorator(Program)
