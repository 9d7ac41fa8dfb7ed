"""The `mailwright` program: an error is two lines with a fix, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kernel.cli import main as program
from kernel.contracts.errors import InvalidConfig, Unavailable


def mailwright(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAILWRIGHT_", "DATABASE_URL", "REDIS_URL"))
    }
    return subprocess.run(
        [sys.executable, "-m", "kernel.cli.main", *arguments],
        capture_output=True,
        text=True,
        env=clean | env,
        check=False,
    )


def test_bad_settings_are_listed_without_a_traceback() -> None:
    done = mailwright("migrate", MAILWRIGHT_ENV="production", MAILWRIGHT_SECRET="change-me")
    assert done.returncode == 2
    assert "error [invalid_config]: " in done.stderr and "fix: " in done.stderr
    assert done.stderr.count("  - ") == 4
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in mailwright("--debug", "migrate", MAILWRIGHT_PORT="x").stderr


def test_doctor_lists_bad_settings_as_json() -> None:
    done = mailwright("doctor", "--json", MAILWRIGHT_PORT="x", MAILWRIGHT_DB_POOL="1")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["ok"] is False
    assert [check["name"] for check in report["checks"]] == ["settings", "settings"]
    assert all(check["fix"] for check in report["checks"])


def test_unknown_command_and_version() -> None:
    done = mailwright("nonsense")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert mailwright("--version").stdout.startswith("mailwright")


def test_one_commands_help_loads_no_plugin() -> None:
    """So it is quick, on whatever machine."""
    asked = (
        "import sys\n"
        "from kernel.cli.main import main\n"
        "try: main(['up', '--help'])\n"
        "except SystemExit: print(*(n for n in sys.modules if '.' not in n or 'plugins.' in n))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    told, _, loaded = done.stdout.strip().rpartition("\n")
    assert "worker" in told
    assert not {"polars", "litestar", "sklearn", "asyncpg"} & set(loaded.split())
    assert "plugins." not in loaded


def test_every_kernel_command_has_help() -> None:
    context = click.Context(program.cli)
    for name in program._modules():
        command = program.cli.get_command(context, name)
        assert isinstance(command, click.Command) and (command.help or "").strip(), name


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            Unavailable("It is down.", "Start it."),
            2,
            "error [unavailable]: It is down.\nfix: Start",
        ),
        (ExceptionGroup("g", [InvalidConfig("Bad.", "", ("one",))]), 2, "]: Bad.\n  - one"),
        (ValueError("row of jane@shop.example"), 2, "error [internal]: "),
        (KeyboardInterrupt(), 1, "stopped"),
    ],
)
def test_how_errors_are_told(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @program.cli.command("fail-in-a-test")
    def fail() -> None:
        raise error

    original = program.MailwrightGroup.get_command
    program.MailwrightGroup.get_command = lambda *_: fail  # type: ignore[method-assign]
    try:
        with pytest.raises(SystemExit) as caught:
            program.main(["fail-in-a-test"])
    finally:
        program.MailwrightGroup.get_command = original  # type: ignore[method-assign]
        program.cli.commands.pop("fail-in-a-test")
    assert caught.value.code == code
    err = capsys.readouterr().err
    assert said in err and "jane" not in err


def test_generated_pages_are_written(tmp_path: Path) -> None:
    assert mailwright("docs", "--folder", str(tmp_path)).returncode == 0
    assert (tmp_path / "settings.md").read_text().startswith("# Settings")
