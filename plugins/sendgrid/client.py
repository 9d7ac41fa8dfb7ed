"""The way to SendGrid: whose key, whose subuser, which host, over one set of kept connections."""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import httpx

from plugins.sendgrid.lanes import Lanes
from plugins.sendgrid.manifest import SendGridSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernel.sdk import Context

KEY = "SENDGRID_API_KEY"
SUBUSER = "SENDGRID_SUBUSER"
BASE_URL = "SENDGRID_BASE_URL"
"""Environment: another host, such as that of a fake one. No setting: a merchant could send all mails there."""
HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=20.0, pool=5.0)

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()


class Account:
    """What stands for one tenant at SendGrid. Its repr holds no key, since it may reach a log."""

    __slots__ = ("headers", "key", "problem", "subuser", "url", "variable")

    def __init__(self, variable: str, key: str, url: str, subuser: str, problem: str = "") -> None:
        self.variable = variable
        """The environment variable that the key is read from."""
        self.key = key
        self.url = url
        self.subuser = subuser
        self.problem = problem
        """Why nothing can be sent, in a sentence for the merchant; empty when it can."""
        self.headers = httpx.Headers(
            {
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "mailwright",
            },
            encoding="utf-8",  # a key beyond ASCII is a `problem`, not an error here
        )
        if subuser:
            self.headers["on-behalf-of"] = subuser

    def __repr__(self) -> str:
        return f"Account({self.variable}, {self.url}, subuser={self.subuser!r})"

    @property
    def own(self) -> bool:
        """Whether nobody else's mail goes out by it, so that its lists are this tenant's."""
        return bool(self.subuser) or self.variable != KEY

    @property
    def identity(self) -> tuple[str, str, str]:
        """What SendGrid counts together: equal for tenants that share key, subuser and host."""
        return (self.url, self.key, self.subuser)


def account(ctx: Context) -> Account:
    """The tenant's account, from the environment and its settings.

    Key and subuser follow from the tenant's id. The setting `subuser` counts only beside a key of the
    tenant's own: with everybody's key a merchant could name the subuser of another.
    """
    settings = ctx.settings(SendGridSettings)
    own = _variable(KEY, ctx.tenant.id)
    variable = own if _environment(own) else KEY
    key = _environment(variable)
    given = _variable(SUBUSER, ctx.tenant.id)
    subuser = _environment(given) or (settings.subuser if variable == own else "")
    url = (_environment(BASE_URL) or HOSTS[settings.region]).rstrip("/")
    problem = ""
    if not key:
        problem = (
            f"There is no SendGrid key: set {own} or {KEY} where Mailwright runs, "
            "then resume sending."
        )
    elif not (_sendable(key) and _sendable(subuser)):
        problem = (
            f"The SendGrid key in {variable} or the subuser holds characters that cannot be sent."
        )
    elif settings.subuser and not subuser:
        problem = (
            f"The subuser of a shared SendGrid account is named by who runs Mailwright: set {given}, "
            f"or give the shop a key of its own in {own}; then resume sending."
        )
    return Account(variable, key, url, subuser, problem)


def client() -> httpx.AsyncClient:
    """The one client of this process and event loop. It never tries anything twice by itself."""
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None or found.is_closed:
        # No retries, no redirects: whatever happens to a request is told to us once.
        found = httpx.AsyncClient(timeout=TIMEOUT, transport=Lanes(), follow_redirects=False)
        _clients[loop] = found
    return found


async def ask(
    account: Account,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    params: Mapping[str, str | int] | None = None,
) -> httpx.Response:
    """One request to SendGrid's API. `path` may hold ids, never an address: it may be logged.

    Raises:
        httpx.HTTPError: there was no whole answer.
    """
    # Made here and not by the client, which for every mail would parse the address, merge headers and look
    # for cookies: a sixth of the whole request (bench/delivering.py).
    request = httpx.Request(
        method,
        _address(account.url + path),
        params=params,
        headers=account.headers,
        content=content,
        extensions={"timeout": TIMEOUT.as_dict()},
    )
    return await client().send(request)


_address = lru_cache(maxsize=256)(httpx.URL)


async def close() -> None:
    """Close this loop's client; the next request opens another."""
    found = _clients.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.aclose()


def _environment(name: str) -> str:
    return os.environ.get(name, "").strip()


def _variable(name: str, tenant_id: str) -> str:
    return f"{name}_{tenant_id.replace('-', '_').upper()}"


def _sendable(value: str) -> bool:
    return value.isascii() and (value.isprintable() or not value)
