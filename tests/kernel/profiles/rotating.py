"""An installation under another secret: the same database, the same shops."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

NEW = "b7d0f2a9c4e1836557aa90cd12ef4b6688f3aa01"
NEWER = "0c55e1836557aa90cd12ef4b6688f3aa01b7d0f2"


def under(core: Core, secret: str, *old: str) -> Core:
    """`core` as it is once MAILWRIGHT_SECRET and MAILWRIGHT_OLD_SECRETS were set."""
    links = msgspec.structs.replace(core.links, secret=secret, old_secrets=old)
    return replace(core, links=links)
