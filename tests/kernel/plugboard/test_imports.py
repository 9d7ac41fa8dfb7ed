"""A plugin that imports too much is told, file and line."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from kernel.plugboard.checking import check_folder
from kernel.plugboard.imports import check_import_rules
from kernel.plugboard.load import Found
from kernel.plugboard.validate import look_at

MANIFEST = """
from kernel.sdk import Manifest
MANIFEST = Manifest(name="trial", version="1", title="t", summary="s", kind="tool")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes the package `trial_one` of these files; returns its Plugin."""

    def make(files: dict[str, str]):
        folder = tmp_path / "trial_one"
        for name, source in {"__init__.py": "", "plugin.py": MANIFEST, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        plugin, problems = look_at(Found("trial", import_module("trial_one.plugin")))
        assert not problems
        return plugin

    yield make
    for name in [name for name in sys.modules if name.startswith("trial_one")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("import kernel.db.uow", "imports kernel.db.uow; plugins import kernel.sdk only"),
        ("from kernel.db import uow", "imports kernel.db.uow; plugins import"),
        ("from kernel import hookspecs", "imports kernel.hookspecs; plugins import"),
        ("import kernel", "imports kernel; plugins import"),
        ("from kernel.sdkx import y", "imports kernel.sdkx.y"),
        ("import admin_ui.home", "imports admin_ui.home; plugins speak by events"),
        ("from plugins.rules import rules", "imports plugins.rules.rules; plugins speak by"),
        ("from plugins import rules", "imports plugins.rules; plugins speak by"),
        ("from trial_two.model import x", "imports trial_two.model.x; plugins speak by"),
        ("def late():\n    from kernel.web import app", "a.py:2 imports kernel.web.app"),
        ("from importlib import import_module\nimport_module('kernel.web.app')", "a.py:2 imports"),
        ("__import__('kernel.db')", "imports kernel.db; plugins import"),
        ("from kernel.testing import seed", "imports kernel.testing.seed; plugins import"),
        ("def (:", "trial: a.py:1 is not Python"),
    ],
)
def test_what_is_refused(package, line: str, problem: str) -> None:
    plugin = package({"deep/a.py": line})
    (found,) = check_import_rules(plugin, others={"trial_two", "trial_one"})
    assert found.startswith("trial: a.py:")
    assert problem in found


@pytest.mark.parametrize(
    "line",
    [
        "from kernel.sdk import hookimpl",
        "import kernel.sdk",
        "from kernel import sdk",
        "from . import b",
        "from .. import plugin",
        "from ..plugin import MANIFEST",
        "import trial_one.plugin",
        "import polars, json, trial_other",
        "import_module(name)",
    ],
)
def test_what_is_fine(package, line: str) -> None:
    assert check_import_rules(package({"deep/a.py": line}), others={"trial_one", "trial_two"}) == []


@pytest.mark.parametrize("name", ["tests/helper.py", "test_it.py", "conftest.py"])
def test_tests_may_use_the_kit_and_no_more(package, name: str) -> None:
    plugin = package({name: "from kernel.testing import seed\nfrom kernel.db import uow"})
    (found,) = check_import_rules(plugin, others=())
    assert "imports kernel.db.uow; plugins import kernel.sdk only, tests also kernel.te" in found


def test_a_relative_import_out_of_the_package_is_seen() -> None:
    plugin, _ = look_at(Found("winback", import_module("plugins.winback.plugin")))
    assert plugin is not None
    assert check_import_rules(plugin) == []
    source = Path(plugin.module.__file__).parent / "campaign.py"
    assert source.is_file()


def test_a_folder_is_checked_without_being_installed(package, tmp_path) -> None:
    package({"a.py": "import kernel.web"})
    path = list(sys.path)
    named, imports = check_folder(tmp_path / "trial_one")
    assert "trial_one: the manifest says `trial`" in named
    assert "trial_one: a.py:1 imports kernel.web" in imports
    assert sys.path == path
