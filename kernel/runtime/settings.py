"""What one installation is told from outside: one Struct, read from the environment.

This module imports nothing of ours but the errors, so that every layer may use its type.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct

from kernel.contracts.errors import InvalidConfig
from kernel.runtime.safety import SECRET_LENGTH, hide_password, kept_secret, unsafe_for_production


def _row(env: str, accepts: str, description: str, default: str = "", **limits: Any) -> Meta:
    extra = {"env": env, "accepts": accepts, "default": default}
    return Meta(description=description, extra=extra, **limits)


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of one installation, complete and valid; made by `load_settings`."""

    # A table: the type, the variable, what it accepts, what it is for, the default.
    # fmt: off
    env: Annotated[Literal["development", "test", "production"], _row(
        "MAILWRIGHT_ENV", "development, test or production",
        "How careful to be. In production, Mailwright refuses to start on missing or sample values.",
    )] = "development"
    database_url: Annotated[str, _row(
        "DATABASE_URL", "a URL such as postgresql://user:password@host/database",
        "PostgreSQL 15 or newer. Empty: Mailwright runs its own in the data folder.",
        pattern=r"^$|^postgres(ql)?://")] = ""
    redis_url: Annotated[str, _row(
        "REDIS_URL", "a URL such as redis://host:6379/0, rediss://… or unix:///path",
        "Redis 6.2 or newer, or any Valkey. Empty: Mailwright runs its own in the data folder.",
        pattern=r"^$|^(rediss?|unix)://")] = ""
    secret: Annotated[str, _row(
        "MAILWRIGHT_SECRET", f"{SECRET_LENGTH} or more random characters, from `openssl rand -hex 32`",
        "Signs sessions and links, encrypts evidence. Before you change it, read docs/keys.md: without the former one "
        "in MAILWRIGHT_OLD_SECRETS, links already sent are dead and nothing more is sent.",
        "in development, made once and kept in the data folder")]
    old_secrets: Annotated[tuple[str, ...], _row(
        "MAILWRIGHT_OLD_SECRETS", "former values of MAILWRIGHT_SECRET, separated by commas, the newest first",
        "They make nothing any more; links, evidence and suppressions of their time stay valid. See docs/keys.md.",
        "none")] = ()
    base_url: Annotated[str, _row(
        "MAILWRIGHT_BASE_URL", "a URL such as https://mail.example.com (https in production)",
        "Where people and Shopify reach this installation; links in messages begin with it.",
        "http://localhost:PORT", pattern=r"^https?://[^/\s]+")]
    host: Annotated[str, _row(
        "MAILWRIGHT_HOST", "an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        "The address the web server listens on.")] = "127.0.0.1"
    port: Annotated[int, _row(
        "MAILWRIGHT_PORT", "a whole number from 1 to 65535",
        "The port the web server listens on.", ge=1, le=65535)] = 8000
    data_dir: Annotated[Path, _row(
        "MAILWRIGHT_DATA_DIR", "a folder",
        "Where the embedded servers keep their data, and imports their reject files.",
    )] = Path(".mailwright")
    tenants_dir: Annotated[Path, _row(
        "MAILWRIGHT_TENANTS_DIR", "a folder",
        "Resellers and tenants, configuration as code.")] = Path("tenants")
    mandatory_plugins: Annotated[tuple[str, ...], _row(
        "MAILWRIGHT_MANDATORY_PLUGINS", "names of plugins, separated by commas",
        "Plugins that are on for every tenant and that no tenant can switch off.",
    )] = ("compliance", "admin_ui")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _row(
        "MAILWRIGHT_LOG_LEVEL", "debug, info, warning or error", "The least that is logged.",
    )] = "info"
    log_format: Annotated[Literal["console", "json"], _row(
        "MAILWRIGHT_LOG_FORMAT", "console or json", "For eyes or for machines.",
        "json in production, otherwise console")] = "console"
    worker_jobs: Annotated[int, _row(
        "MAILWRIGHT_WORKER_JOBS", "a whole number from 1 to 200",
        "How many jobs one worker has in hand at once. A job is a batch of many customers.",
        ge=1, le=200)] = 8
    db_pool: Annotated[int, _row(
        "MAILWRIGHT_DB_POOL", "a whole number from 2 to 200",
        "The most database connections one process opens.", ge=2, le=200)] = 10
    stage_deadline: Annotated[float, _row(
        "MAILWRIGHT_STAGE_DEADLINE", "seconds, more than 0",
        "How long all plugins together may take in one stage of the pipeline.", gt=0)] = 30.0
    # fmt: on

    @property
    def embedded_postgres(self) -> bool:
        """True when no database was named and Mailwright runs its own."""
        return not self.database_url

    @property
    def embedded_redis(self) -> bool:
        """True when no Redis was named and Mailwright runs its own."""
        return not self.redis_url

    def __repr__(self) -> str:
        """Shows every setting, with secrets and the passwords in URLs left out."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown |= {"secret": "***", "old_secrets": ("***",) * len(self.old_secrets)}
        shown |= {name: hide_password(shown[name]) for name in ("database_url", "redis_url")}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The valid settings of this installation; relative folders are made absolute.

    Raises:
        InvalidConfig: listing every problem at once, each with its variable and its fix.
    """
    values: dict[str, Any] = {}
    problems = list(_misspelt(environ))
    for name, type_, meta in setting_fields():
        extra = meta.extra or {}
        raw = environ.get(extra["env"], "").strip()
        if not raw:
            continue
        try:
            values[name] = msgspec.convert(_split(name, raw), type_, strict=False, dec_hook=_decode)
        except msgspec.ValidationError:
            problems.append(f"{extra['env']} is not valid: set it to {extra['accepts']}.")
    values.setdefault("base_url", f"http://localhost:{values.get('port', 8000)}")
    values["base_url"] = values["base_url"].rstrip("/")
    production = values.get("env") == "production"
    values.setdefault("log_format", "json" if production else "console")
    for folder in ("data_dir", "tenants_dir"):
        default = Path(".mailwright" if folder == "data_dir" else "tenants")
        values[folder] = values.get(folder, default).expanduser().absolute()
    if production:
        problems += unsafe_for_production(values)
    if problems:
        raise InvalidConfig(
            "Mailwright cannot start with these settings.",
            "Correct them in the environment; docs/settings.md describes each.",
            tuple(problems),
        )
    if "secret" not in values:
        values["secret"] = kept_secret(values["data_dir"])
    old = dict.fromkeys(values.get("old_secrets", ()))
    values["old_secrets"] = tuple(one for one in old if one != values["secret"])
    return Settings(**values)


def setting_fields() -> list[tuple[str, Any, Meta]]:
    """Every setting: its name in the Struct, its type, and its documentation."""
    hints = get_type_hints(Settings, include_extras=True)
    return [(name, hints[name], hints[name].__metadata__[0]) for name in Settings.__struct_fields__]


def _split(name: str, raw: str) -> Any:
    if name not in ("mandatory_plugins", "old_secrets"):
        return raw
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _decode(type_: type, value: Any) -> Any:
    return Path(value) if type_ is Path else value


def _misspelt(environ: Mapping[str, str]) -> list[str]:
    known = [(meta.extra or {})["env"] for _, _, meta in setting_fields()]
    found = []
    for name in environ:
        # Only near misses: other people's variables may begin with our name too.
        if name.startswith("MAILWRIGHT_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
            found += [f"{name} is not a setting: did you mean {near[0]}?"] if near else []
    return found
