"""Signed values with an end: what we hand out and recognise again. One key a purpose, so that
what was signed for one is refused for every other.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import jwt

from kernel.contracts.errors import Forbidden
from kernel.tenancy.keys import derive


def sign(secret: str, purpose: str, claims: dict[str, Any], now: datetime, lasts: timedelta) -> str:
    """A JWT (HS256) of `claims` that `verify` accepts for as long as it `lasts`."""
    claims = {**claims, "exp": int((now + lasts).timestamp())}
    return jwt.encode(claims, derive(secret, f"web/{purpose}"), algorithm="HS256")


def verify(secret: str, purpose: str, token: str, now: datetime) -> dict[str, Any]:
    """The claims of `token`.

    Raises:
        Forbidden: code `forged` when we did not sign it, `expired` when its time is over.
    """
    try:
        # We compare the time ourselves, so that it is the clock of this process that counts.
        claims: dict[str, Any] = jwt.decode(
            token,
            derive(secret, f"web/{purpose}"),
            algorithms=["HS256"],
            options={"require": ["exp"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as error:
        raise Forbidden("This link or cookie was not made here.", code="forged") from error
    if claims["exp"] <= now.timestamp():
        raise Forbidden("This link or session has expired.", code="expired")
    return claims


def tag(secret: str, purpose: str, value: str) -> str:
    """A short authenticator of `value` (32 hex characters)."""
    return hmac.new(derive(secret, f"web/{purpose}"), value.encode(), hashlib.sha256).hexdigest()[
        :32
    ]
