"""The `mailwright` program: the kernel's commands, and those of plugins.

A kernel command is a module of this package that holds `command`, named like its module; only the
one that was asked for is imported. A plugin's command comes from its hook `commands`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import click

import kernel.cli
from kernel.cli.program import Program
from kernel.contracts.errors import KernelError

_NOT_COMMANDS = {"main", "program"}


class MailwrightGroup(click.Group):
    """Finds commands by name, the kernel's before those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted; plugins that do not load are told on standard error."""
        names = set(_modules())
        try:
            names |= _plugin_commands(ctx).keys()
        except KernelError as error:
            show_error(error)
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if module := _modules().get(cmd_name):
            found: click.Command = importlib.import_module(f"kernel.cli.{module}").command
            return found
        return _plugin_commands(ctx).get(cmd_name)


def _modules() -> dict[str, str]:
    names = {info.name for info in pkgutil.iter_modules(kernel.cli.__path__)} - _NOT_COMMANDS
    # `import_.py` holds `import`, and `_shared.py` holds none.
    return {n.rstrip("_").replace("_", "-"): n for n in names if not n.startswith("_")}


def _plugin_commands(ctx: click.Context) -> dict[str, click.Command]:
    program: Program = ctx.ensure_object(Program)
    return {name: owned.value for name, owned in program.board.commands.items()}


@click.command(cls=MailwrightGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailwright")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Mailwright: an autonomous email marketing engine for Shopify merchants."""
    ctx.obj = Program(debug=debug)


def show_error(error: KernelError) -> None:
    """Prints one error the way every command does: what is wrong, and what to do."""
    click.echo(f"{click.style('error', fg='red')} [{error.code}]: {error.message}", err=True)
    for problem in getattr(error, "problems", ()):
        click.echo(f"  - {problem}", err=True)
    if error.fix:
        click.echo(f"{click.style('fix', fg='green')}: {error.fix}", err=True)


def main(args: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 problems found or stopped, 2 an error to correct."""
    debug = "--debug" in (sys.argv[1:] if args is None else args)
    try:
        # A command may return its exit code; click itself exits with it for --help and --version.
        code = cli.main(args=args, prog_name="mailwright", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        show_error(_expected(error) or _surprise(error))
        sys.exit(2)


def _expected(error: BaseException) -> KernelError | None:
    """The KernelError itself, or the first one in a group of errors from tasks."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_expected, error.exceptions)), None)
    return error if isinstance(error, KernelError) else None


def _surprise(error: Exception) -> KernelError:
    from kernel.runtime.logs import hide

    said: Any = hide(str(error)) or type(error).__name__
    return KernelError(
        f"Something went wrong that should not: {type(error).__name__}: {said}",
        "Run it again as `mailwright --debug …` and report what it prints.",
        code="internal",
    )


if __name__ == "__main__":
    main()
