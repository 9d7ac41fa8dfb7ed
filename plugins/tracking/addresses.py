"""Where a link leads in the end: the address as it was meant, with utm_ parameters added."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

LONGEST = 2000
SAFE = "/#%[]=:;$&()+,!?*@'~"
_LEGAL = re.compile(
    r"/(?:[a-z]{2}(?:-[a-z]{2})?/)?(?:policies/[\w-]+|(?:pages/)?(?:imprint|impressum|legal(?:-notice)?"
    r"|mentions-l[eé]gales|privacy(?:-policy|-notice)?|datenschutz\w*|(?:politique-de-)?confidentialit[eé]"
    r"|terms(?:-of-service|-and-conditions)?|agb|cgv|widerruf\w*|retractation)(?:\.html?)?)/?",
    re.IGNORECASE,
)
"""Paths of the pages that the law asks for: Shopify's own, and the usual names in our three languages."""


def left_alone(url: str, ours: Collection[str]) -> bool:
    """Whether a link stays as it is: it leads to one of `ours` (hosts, with their port), or to a shop's
    imprint, privacy policy or terms, whose readers are nobody's to count.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return parts.netloc.lower() in ours or bool(_LEGAL.fullmatch(unquote(parts.path)))


def destination(url: str, utm: Mapping[str, str]) -> str | None:
    """The address to go to, or None where it is none that we would send anybody to.

    Only http and https, with a host and without a password. What the query holds stays as it is, an
    utm_ parameter that is there already too; the fragment stays last.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        ascii_host = (host or "").encode("idna").decode() if host and not host.isascii() else host
    except (ValueError, UnicodeError):
        return None
    if parts.scheme.lower() not in ("http", "https") or not ascii_host or "@" in parts.netloc:
        return None
    if any(char.isspace() or ord(char) < 32 or char == "\\" for char in url):
        return None
    there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in utm.items() if value and name not in there})
    query = "&".join(part for part in (parts.query, added) if part)
    netloc = ascii_host if ":" not in ascii_host else f"[{ascii_host}]"
    netloc += f":{port}" if port else ""
    final = urlunsplit((parts.scheme.lower(), netloc, parts.path, query, parts.fragment))
    final = quote(final, safe=SAFE)
    return final if len(final) <= LONGEST else None
