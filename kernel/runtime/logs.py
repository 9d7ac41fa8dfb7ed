"""Structured logs: one line an event, with tenant, plugin and campaign, and nobody's personal data."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from kernel.runtime.settings import Settings

HIDDEN = "[hidden]"
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_URL_PASSWORD = re.compile(r"(?<=://)([^:@/\s]*):[^@/\s]+@")
_KEYED = re.compile(
    r"(?i)\b(authorization|bearer|api[_-]?key|secret|password|token|signature)(\W{1,4})([\w.+/=-]{8,})"
)
_SECRET_KEYS = re.compile(
    r"(?i)secret|password|passwd|token|api_?key|authorization|cookie|session|signature|credential"
)
_PERSONAL_KEYS = frozenset(
    [
        "email",
        "address",
        "to",
        "name",
        "first_name",
        "last_name",
        "full_name",
        "phone",
        "street",
        "zip",
        "birthday",
        "body",
        "html",
    ]
)
# Chatty libraries: their information lines repeat ours, or hold whole addresses and arguments.
_QUIET = ("httpx", "httpcore", "httpx2", "arq", "asyncio", "anthropic", "sendgrid", "_granian")


def configure_logs(settings: Settings) -> None:
    """Sends structlog and the standard library's loggers through one pipe to standard error.

    Work binds who it is for: `structlog.contextvars.bound_contextvars(tenant=…, plugin=…, campaign=…)`.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Text before redaction. Never with local variables: they hold customers.
        structlog.processors.format_exc_info,
    ]
    renderer: Processor
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        quiet = logging.WARNING if settings.log_level != "debug" else logging.DEBUG
        logging.getLogger(name).setLevel(max(quiet, root.level))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The same event without email addresses, secrets and the values of personal keys."""
    return {key: hide(value, key) for key, value in event.items()}


def hide(value: Any, key: str = "") -> Any:
    """`value` with everything taken out that a log must not hold; numbers and None stay."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if key and (key.lower() in _PERSONAL_KEYS or _SECRET_KEYS.search(key)):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(name): hide(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [hide(inner) for inner in value]
    text = value if isinstance(value, str) else repr(value)
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = _EMAIL.sub(HIDDEN, text)
    return _KEYED.sub(rf"\1\2{HIDDEN}", text)
