"""What keeps an installation safe: good secrets, and none of them shown."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from kernel.contracts.errors import InvalidConfig

SECRET_LENGTH = 32
_SAMPLE_WORDS = re.compile(r"change.?me|example|sample|password|secret|placeholder|your.?(key|own)")
_SAMPLE_STARTS = ("dev", "test", "demo", "local")


def hide_password(url: str) -> str:
    """The same URL without its password, fit for a log or a screen."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{place}"))


def weak_secret(secret: str) -> str:
    """What is wrong with a secret, or nothing."""
    if not secret:
        return "missing"
    if len(secret) < SECRET_LENGTH:
        return f"shorter than {SECRET_LENGTH} characters"
    low = secret.lower()
    if _SAMPLE_WORDS.search(low) or low.startswith(_SAMPLE_STARTS) or len(set(secret)) < 8:
        return "a sample that anyone could guess"
    return ""


def unsafe_for_production(values: Mapping[str, Any]) -> list[str]:
    """Every reason not to start in production with these values, each with its fix."""
    problems = []
    make = "make one with `openssl rand -hex 32` and keep it in your secret store."
    if weakness := weak_secret(values.get("secret", "")):
        problems.append(f"MAILWRIGHT_SECRET is {weakness}: {make}")
    for number, old in enumerate(values.get("old_secrets", ()), 1):
        if weakness := weak_secret(old):
            problems.append(
                f"MAILWRIGHT_OLD_SECRETS, number {number}, is {weakness}: a former MAILWRIGHT_SECRET was "
                "longer. Look whether a comma is wrong."
            )
    for name, what in (("database_url", "PostgreSQL"), ("redis_url", "Redis or Valkey")):
        if not values.get(name):
            problems.append(
                f"{name.upper()} is missing: name a managed {what}; the embedded one is not for production."
            )
    if not values["base_url"].startswith("https://"):
        problems.append(
            "MAILWRIGHT_BASE_URL must begin with https:// : set it to the public address of this installation."
        )
    return problems


def kept_secret(data_dir: Path) -> str:
    """A random secret, made at the first call for this folder and the same ever after."""
    path = data_dir / "secret"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Written aside and linked, so that two first starts agree and none reads half of it.
            draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32), encoding="ascii")
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise InvalidConfig(
            f"The data folder {data_dir} cannot be used ({error.strerror}).",
            "Set MAILWRIGHT_DATA_DIR to a folder that this user can write to.",
        ) from error
