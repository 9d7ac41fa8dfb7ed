"""One TOML file with what is wrong in it, and on which line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kernel.contracts.base import Frozen
from kernel.tenancy.checks import Fault


class Problem(Frozen):
    """One thing wrong in one file."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.message}"


class TomlFile:
    """One TOML file: its data, or why there is none; knows the line of a path in it."""

    def __init__(self, path: Path, root: Path) -> None:
        self.name = str(path.relative_to(root.parent))
        self.data: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self._lines: list[str] = []
        try:
            text = path.read_text(encoding="utf-8-sig")
            self._lines = text.splitlines()
            self.data = tomllib.loads(text)
        except FileNotFoundError:
            fix = f"Add {path.name}, or remove the folder."
            self.faults.append(Fault(path="", message="the file is missing", fix=fix))
        except OSError as error:
            self.faults.append(Fault(path="", message=f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError:
            fix = "Save it as UTF-8."
            self.faults.append(Fault(path="", message="is not UTF-8 text", fix=fix))
        except tomllib.TOMLDecodeError as error:
            self.faults.append(Fault(path="", message=f"is not valid TOML: {error}"))

    def problems(self, faults: Iterable[Fault]) -> Iterator[Problem]:
        """Each fault with the file and the line it is on."""
        for fault in faults:
            found = re.search(r"\(at line (\d+)", fault.message)
            line = int(found[1]) if found else self.line(fault.path)
            text = str(fault) if fault.path else f"{fault.message}. {fault.fix}".strip()
            yield Problem(file=self.name, line=line, message=text)

    def line(self, path: str) -> int | None:
        """The line that names `path`, or else the nearest table around it."""
        wanted = re.split(r"[.\[]", path)
        table: list[str] = []
        best, where = 0, None
        for number, text in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[\s*([^\[\]#]+?)\s*\]", text):
                here = table = _keys(header[1])
            elif key := re.match(r"""\s*([\w."'\s-]+?)\s*=""", text):
                here = table + _keys(key[1])
            else:
                continue
            if best < len(here) and here == wanted[: len(here)]:
                best, where = len(here), number
        return where


def _keys(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
