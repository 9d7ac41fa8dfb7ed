"""A plugin built as a wheel outside the tree loads through its entry point exactly like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kernel.plugboard.skeleton import write_skeleton

ROOT = Path(__file__).parents[3]
NAME = "anniversary"

USE = """
import asyncio, json
from types import SimpleNamespace
from click.testing import CliRunner
from kernel.cli.main import cli
from kernel.plugboard.board import build_plugboard
from kernel.sdk import MessageVars

board = build_plugboard()
plugin = board.plugins["anniversary"]
owned = board.campaign_types["anniversary"]
ctx = SimpleNamespace(settings=lambda kind: kind(gift="a pear"), tenant=SimpleNamespace(id="t"))
message = SimpleNamespace(campaign_type="anniversary")

def ask(*enabled):
    return asyncio.run(board.chain(
        "template_vars", frozenset(enabled), "values", [MessageVars(slots={})],
        ctx=ctx, batch=[message],
    ))[0].slots

def command(*args):
    return CliRunner().invoke(cli, ["plugins", *args], standalone_mode=False).output

print(json.dumps({
    "distribution": plugin.distribution,
    "file": plugin.module.__file__,
    "owner": owned.plugin,
    "settings": board.owner_of_settings(plugin.manifest.settings),
    "enabled": ask("anniversary"),
    "disabled": ask("rules"),
    "others": sorted(name for name in board.plugins if name != "anniversary"),
    "list": json.loads(command("list", "--json")),
    "check": command("check", "anniversary"),
}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a plugin that `mailwright plugins new` wrote."""
    folder = tmp_path_factory.mktemp("made")
    write_skeleton(NAME, folder)
    return folder


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin installed from its wheel."""
    run(["-m", "hatchling", "build", "-t", "wheel"], cwd=made)
    (wheel,) = (made / "dist").glob("*.whl")
    assert wheel.name == f"mailwright_{NAME}-0.1.0-py3-none-any.whl"
    folder = tmp_path_factory.mktemp("site")
    # What `pip install --target` does with a wheel of pure Python.
    zipfile.ZipFile(wheel).extractall(folder)
    assert not (folder / "tests").exists()
    return folder


def run(args: list[str], cwd: Path, site: Path | None = None) -> str:
    path = os.pathsep.join([str(part) for part in (site, ROOT) if part])
    env = {**os.environ, "PYTHONPATH": path, "MAILWRIGHT_TEST_DIR": str(ROOT / ".mailwright/tests")}
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_loads_is_listed_and_is_called_like_ours(site: Path, tmp_path: Path, board) -> None:
    found = json.loads(run(["-c", USE], cwd=tmp_path, site=site))
    assert found["distribution"] == f"mailwright-{NAME} 0.1.0"
    assert Path(found["file"]) == site / NAME / "plugin.py"
    assert found["owner"] == found["settings"] == NAME
    assert found["enabled"] == {"gift": "a pear"}
    assert found["disabled"] == {}
    assert found["others"] == sorted(board.plugins)
    listed = {plugin["name"]: plugin for plugin in found["list"]["plugins"]}
    assert listed[NAME]["distribution"] == f"mailwright-{NAME} 0.1.0"
    assert listed[NAME]["hooks"] == ["campaign_types", "template_vars"]
    assert listed[NAME]["mandatory"] is False
    assert found["check"] == f"{NAME}: no problem found.\n"


def test_the_test_it_was_written_with_passes(made: Path, site: Path) -> None:
    output = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], cwd=made, site=site)
    assert "4 passed" in output
