"""`mailwright plugins …`, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernel.cli.main import main
from kernel.cli.plugins import command
from kernel.cli.program import Program
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.plugboard.skeleton import skeleton_files, write_skeleton


def run(*args: str) -> Result:
    return CliRunner().invoke(command, args, obj=Program(), standalone_mode=False)


def test_list_shows_every_plugin_in_order(board) -> None:
    result = run("list")
    assert result.return_value == 0, result.output
    names = [line.split()[0] for line in result.output.splitlines() if line[:1].strip()]
    assert names == ["name", *board.plugins]


def test_list_as_json(board) -> None:
    found = json.loads(run("list", "--json").output)
    assert found["problems"] == []
    facts = {plugin["name"]: plugin for plugin in found["plugins"]}
    assert list(facts) == list(board.plugins)
    assert facts["compliance"]["mandatory"] is True
    assert facts["welcome"]["mandatory"] is False
    assert facts["winback"]["hooks"] == list(board.plugins["winback"].hooks)
    assert facts["winback"]["distribution"].startswith("mailwright ")


def test_a_broken_plugin_is_told_and_the_others_are_shown(tmp_path, monkeypatch) -> None:
    _break_a_plugin(tmp_path, monkeypatch)
    result = run("list", "--json")
    assert result.return_value == 1
    found = json.loads(result.output)
    assert found["problems"] == ["broken: importing trial_broken raised ValueError: not today"]
    assert "welcome" in {plugin["name"] for plugin in found["plugins"]}


def test_show_names_hooks_and_settings() -> None:
    result = run("show", "winback")
    assert result.return_value == 0
    for text in ("Winback (winback ", "subscriptions      DECLARE", "factor", "[plugins.winback]"):
        assert text in result.output
    settings = json.loads(run("show", "winback", "--json").output)["settings"]
    assert settings[0]["name"] == "factor"
    assert settings[0]["default"] == "2.0"
    assert settings[0]["type"].startswith("number, from 1")
    assert "usual pause" in settings[0]["description"]


def test_show_of_a_plugin_without_settings() -> None:
    assert run("show", "welcome").output.endswith("none\n")


def test_check_finds_nothing_wrong_with_ours() -> None:
    result = run("check")
    assert (result.return_value, result.output) == (0, "All plugins: no problem found.\n")
    assert run("check", "welcome").return_value == 0
    assert run("check", "plugins/welcome").return_value == 0


def test_check_prints_every_problem_and_exits_with_1(tmp_path, monkeypatch, capsys) -> None:
    _break_a_plugin(tmp_path, monkeypatch)
    with pytest.raises(SystemExit) as caught:
        main(["plugins", "check"])
    assert caught.value.code == 1
    assert "problem: broken: importing trial_broken raised ValueError" in capsys.readouterr().err


@pytest.mark.parametrize("args", [("show", "nobody"), ("check", "nobody"), ("check", "./tests")])
def test_what_is_not_there(args: tuple[str, ...]) -> None:
    with pytest.raises(NotFound, match=r"nobody|There is no plugin in"):
        raise run(*args).exception  # type: ignore[misc]


def test_new_writes_a_plugin_without_problems(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    result = run("new", "gift_year", "--dir", str(folder))
    assert result.return_value == 0, result.output
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == {
        "README.md",
        "pyproject.toml",
        "gift_year/__init__.py",
        "gift_year/campaign.py",
        "gift_year/manifest.py",
        "gift_year/plugin.py",
        "tests/test_gift_year.py",
    }
    assert run("check", str(folder)).return_value == 0
    for path in folder.rglob("*.*"):
        if "__pycache__" in path.parts:  # `check` imported it, which leaves bytecode
            continue
        text = path.read_text(encoding="utf-8")
        assert "my_plugin" not in text.lower().replace(" ", "_").replace("-", "_"), path
        assert "MyPlugin" not in text


def test_new_never_writes_over_anything(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(Conflict):
        write_skeleton("gift_year", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize(
    "name", ["", "Gift", "1st", "a", "gift-year", "gift_", "x" * 31, "json", "welcome", "class"]
)
def test_names_that_cannot_be_a_plugins(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        write_skeleton(name, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_the_skeleton_is_in_the_house_style(tmp_path: Path) -> None:
    import subprocess
    import sys

    write_skeleton("gift_year", tmp_path / "made")
    ruff = [sys.executable, "-m", "ruff"]
    for command_line in (["format", "--check"], ["check", "--select", "E,F,I,B,UP"]):
        done = subprocess.run(
            [*ruff, *command_line, "--isolated", "--line-length", "100"],
            cwd=tmp_path / "made",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(skeleton_files())) == 7


def _break_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "trial_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trial_broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mailwright.plugins]\nbroken = trial_broken\n")
    (tmp_path / "trial_broken.py").write_text("raise ValueError('not today')")
    monkeypatch.syspath_prepend(tmp_path)
