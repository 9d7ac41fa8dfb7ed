"""Every way in which a plugin can be wrong, each with the sentence that says so."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

from kernel.contracts.errors import BootError
from kernel.plugboard.board import build_plugboard
from kernel.plugboard.load import find_plugins
from kernel.sdk import Frozen


def problems_of(boarded: Any, *plugins: Any, mandatory: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(BootError) as caught:
        boarded(*plugins, mandatory=mandatory)
    return caught.value.problems


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("@hookimpl\ndef decid(): pass", "bad: decid: there is no such hook; see"),
        ("@hookimpl\ndef decide(candidates): pass", "bad: decide: must be `async def`"),
        ("@hookimpl\nasync def jobs(): return []", "bad: jobs: must be `def`"),
        (
            "@hookimpl\nasync def decide(candidates, shop): pass",
            "bad: decide: unknown argument `shop`; the hook has ctx, candidates",
        ),
        ("@hookimpl\ndef jobs(ctx): return []", "unknown argument `ctx`; the hook has none"),
        (
            "@hookimpl\nasync def decide(candidates, ctx=None): pass",
            "bad: decide: the argument `ctx` must have no default: it is always given",
        ),
        ("@hookimpl\nasync def decide(*args): pass", "bad: decide: `*args` is refused"),
        ("@hookimpl\nasync def decide(**given): pass", "bad: decide: `*given` is refused"),
        ("@hookimpl\nasync def decide(ctx, /): pass", "`ctx` must not be positional-only"),
        ("@hookimpl(tryfirst=True)\ndef jobs(): return []", "the option tryfirst is refused"),
        ("@hookimpl(trylast=True)\ndef jobs(): return []", "the option trylast is refused"),
        ("@hookimpl(wrapper=True)\ndef jobs(): yield", "bad: jobs: the option wrapper is refused"),
        ("@hookimpl(hookwrapper=True)\ndef jobs(): yield", "the option hookwrapper is refused"),
        ("@hookimpl(optionalhook=True)\ndef jobz(): pass", "the option optionalhook is refused"),
        ("@hookimpl(specname='jobs')\ndef work(): return []", "the option specname is refused"),
        ("def jobs(): return []", "bad: jobs is named like a hook but is not marked @hookimpl"),
        (
            "class Jobs:\n    def __call__(self): return []\njobs = hookimpl(Jobs())",
            "bad: jobs: must be a function, not Jobs",
        ),
    ],
)
def test_hooks(plugin, boarded, source: str, problem: str) -> None:
    assert problem in "\n".join(problems_of(boarded, plugin("bad", source)))


class Fine(Frozen):
    days: int = 3


class Thawed(msgspec.Struct):
    days: int = 3


class Needy(Frozen):
    days: int
    hours: int = 1


class Wrong(Frozen):
    days: int = "three"  # type: ignore[assignment]


class Strange(Frozen):
    thing: object = None
    other: complex = 1j


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"name": "other"}, "bad: the manifest says `other`, its entry point says `bad`"),
        ({"name": "Bad Name"}, "bad: the manifest is not valid: Expected `str` matching regex"),
        ({"version": 1}, "bad: the manifest is not valid: Expected `str`, got `int`"),
        ({"kind": "toy"}, "bad: the manifest is not valid: Invalid enum value 'toy'"),
        ({"requires": "rules"}, "bad: the manifest is not valid: Expected `array`"),
        ({"api": ">=2.0"}, "bad: it works with kernel.sdk >=2.0, and this is 1.0"),
        ({"api": "newest"}, "bad: api 'newest' is no range of versions"),
        ({"requires": ("rfm",)}, "bad: requires `rfm`, which is not installed"),
        (
            {"tables": ("orders", "bad_notes"), "piccolo_app": "kernel.events.piccolo_app"},
            "bad: its table `orders` must be named `bad_…`",
        ),
        ({"tables": ("bad_notes",)}, "bad: it has tables but names no piccolo_app"),
        ({"piccolo_app": "bad.app"}, "bad: its piccolo_app bad.app does not exist"),
        ({"personal_data": True}, "bad: export_customer is missing, and it stores personal data"),
        ({"personal_data": True}, "bad: erase_customer is missing, and it stores personal data"),
        ({"settings": dict}, "bad: settings must be a Struct, not <class 'dict'>"),
        ({"settings": Fine()}, "bad: settings must be a Struct, not Fine(days=3)"),
        ({"settings": Thawed}, "bad: its settings Thawed must be frozen"),
        ({"settings": Needy}, "bad: its setting `days` has no default"),
        ({"settings": Wrong}, "bad: its settings Wrong cannot be used: ValidationError"),
        ({"settings": Strange}, "bad: its settings Strange cannot be used: TypeError"),
    ],
)
def test_manifests(plugin, boarded, facts: dict[str, Any], problem: str) -> None:
    assert problem in "\n".join(problems_of(boarded, plugin("bad", **facts)))


def test_a_manifest_must_be_there_and_be_one(plugin, boarded) -> None:
    no_name, none = plugin("none")
    del none.MANIFEST
    odd_name, odd = plugin("odd")
    odd.MANIFEST = {"name": "odd"}
    assert problems_of(boarded, (no_name, none), (odd_name, odd)) == (
        "none: made_none has no MANIFEST; set MANIFEST = Manifest(...) from kernel.sdk",
        "odd: made_odd has a dict; set MANIFEST = Manifest(...) from kernel.sdk",
    )


def test_after_an_unknown_plugin_is_no_problem(plugin, boarded) -> None:
    board, _ = boarded(plugin("fine", after=("nobody",)))
    assert list(board.plugins) == ["fine"]


def test_mandatory_plugins_must_be_there(boarded) -> None:
    (problem,) = problems_of(boarded, mandatory=("compliance",))
    assert problem.startswith("compliance: is mandatory (MAILWRIGHT_MANDATORY_PLUGINS) but is not")


def test_a_mandatory_plugin_may_only_require_mandatory_ones(plugin, boarded) -> None:
    found = problems_of(
        boarded, plugin("law", requires=("other",)), plugin("other"), mandatory=("law",)
    )
    assert found == ("law: is mandatory and requires `other`, which is not",)


def test_settings_and_tables_have_one_owner(plugin, boarded) -> None:
    facts = {"settings": Fine, "tables": ("aa_x",), "piccolo_app": "kernel.events.piccolo_app"}
    found = problems_of(boarded, plugin("aa", **facts), plugin("bb", **facts))
    assert "aa, bb: declare the same settings Fine; each needs its own" in found
    assert "aa, bb: all own the table `aa_x`" in found


def test_every_problem_of_every_plugin_is_listed_at_once(plugin, boarded) -> None:
    source = "@hookimpl\ndef decide(a, b=1): pass\n@hookimpl(tryfirst=True)\ndef nope(): pass"
    found = problems_of(
        boarded,
        plugin("aa", source, api="==0.1", tables=("x",)),
        plugin("bb", "@hookimpl\nasync def jobs(): pass", settings=Needy),
        mandatory=("law",),
    )
    assert len(found) == 11
    assert {problem.partition(":")[0] for problem in found} == {"aa", "bb", "law"}


def test_the_error_names_the_number_and_the_fix(plugin, boarded) -> None:
    with pytest.raises(BootError, match="found 1 to correct") as caught:
        boarded(plugin("bad", api=">=9"))
    assert "mailwright plugins check" in caught.value.fix
    assert caught.value.code == "boot"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a distribution with entry points, as pip would leave it, for one test."""

    def install(distribution: str, entries: dict[str, str], files: dict[str, str]) -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[mailwright.plugins]", *lines]))
        for name, source in files.items():
            (tmp_path / name).write_text(source)

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    for name in [name for name in sys.modules if name.startswith("trial_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import trial_absent", "raised ModuleNotFoundError: No module named 'trial_absent'"),
        ("from kernel.sdk import Nothing", "raised ImportError: cannot import name 'Nothing'"),
        ("1 / 0", "trial: importing trial_plugin raised ZeroDivisionError: division by zero"),
        ("import sys; sys.exit('bye')", "importing trial_plugin raised SystemExit: bye"),
        ("def (:", "importing trial_plugin raised SyntaxError"),
    ],
)
def test_an_import_that_raises_is_named(installed, source: str, problem: str) -> None:
    installed("trial", {"trial": "trial_plugin"}, {"trial_plugin.py": source})
    _, problems = find_plugins(only={"trial"})
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_module_that_does_not_exist_is_told_apart(installed) -> None:
    installed("trial", {"trial": "trial_nowhere.plugin"}, {})
    _, problems = find_plugins(only={"trial"})
    (problem,) = problems
    assert problem.startswith("trial: its module trial_nowhere.plugin does not exist (named by the")


def test_two_distributions_with_one_plugin_name(installed) -> None:
    good = "from kernel.sdk import Manifest\nMANIFEST = Manifest(name='trial', version='1', "
    good += "title='t', summary='s', kind='tool')"
    installed("trial_one", {"trial": "trial_one"}, {"trial_one.py": good})
    installed("trial_two", {"trial": "trial_two"}, {"trial_two.py": good})
    with pytest.raises(BootError) as caught:
        build_plugboard((), only={"trial"})
    assert "trial: two plugins have this name" in caught.value.problems[0]


def test_what_is_installed_says_where_it_came_from(installed) -> None:
    good = "from kernel.sdk import Manifest\nMANIFEST = Manifest(name='trial', version='1', "
    good += "title='t', summary='s', kind='tool')"
    installed("trial_one", {"trial": "trial_one"}, {"trial_one.py": good})
    board = build_plugboard((), only={"trial"})
    assert board.plugins["trial"].distribution == "trial_one 1.0"
    assert board.plugins["trial"].mandatory is False
