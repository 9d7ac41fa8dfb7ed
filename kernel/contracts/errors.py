"""Errors a user may see: a stable code, one sentence, and what to do about it."""

from __future__ import annotations


class KernelError(Exception):
    """An expected error: shown as a sentence with its fix, never as a traceback."""

    code = "error"
    status = 400

    def __init__(self, message: str, fix: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class InvalidInput(KernelError):
    """Something from outside is wrong; `problems` lists every fault found, not only the first."""

    code = "invalid_input"

    def __init__(self, message: str, fix: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, fix)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {problem}" for problem in self.problems)])


class InvalidConfig(InvalidInput):
    """A setting, manifest or tenant file is wrong; nothing was changed."""

    code = "invalid_config"


class BootError(InvalidConfig):
    """The plugboard or the settings do not validate: the process must not start."""

    code = "boot"


class NotFound(KernelError):
    """The thing asked for does not exist for this tenant (or at all: we do not say which)."""

    code = "not_found"
    status = 404


class Conflict(KernelError):
    """The thing is not in a state that allows what was asked."""

    code = "conflict"
    status = 409


class Forbidden(KernelError):
    """The person or link may not do this."""

    code = "forbidden"
    status = 403


class Unavailable(KernelError):
    """A server we need does not answer or is not set up."""

    code = "unavailable"
    status = 503


class UnscopedQuery(KernelError):
    """A query ran outside a unit of work: a programming error that must never reach data."""

    code = "unscoped_query"
    status = 500
