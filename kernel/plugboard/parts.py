"""What the plugboard is made of, and what it hands out. Every answer carries its plugin's name."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

import msgspec

from kernel.contracts.errors import KernelError
from kernel.contracts.plugins import Manifest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One installed plugin: its facts, its hooks, and where it came from."""

    name: str
    module: ModuleType
    manifest: Manifest
    hooks: tuple[str, ...]
    mandatory: bool = False
    distribution: str = ""
    """Name and version of the distribution that brought it, empty for one given by a test."""


@dataclass(frozen=True)
class Owned(Generic[T]):
    """Something a plugin declared, with the plugin's name."""

    plugin: str
    value: T


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What one plugin answered. After a failure `error` is set and `value` is None."""

    plugin: str
    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Failure:
    """One plugin failed at one thing. `tenant` is empty where there was none."""

    tenant: str
    plugin: str
    what: str
    """The hook, or `job <name>`, `subscription <name>` and the like."""
    error: BaseException

    @property
    def text(self) -> str:
        """The error in one line, at most 500 characters; an expected one is a sentence already."""
        if isinstance(self.error, KernelError):
            return " ".join(str(self.error).split())[:500]
        return describe(self.error)


def describe(error: BaseException) -> str:
    """An error in one line: its type and what it says, at most 500 characters."""
    said = " ".join(str(error).split())
    name = type(error).__name__
    return (f"{name}: {said}" if said else name)[:500]
