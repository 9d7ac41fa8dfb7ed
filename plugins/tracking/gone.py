"""The page for a link that is none of ours: nobody's looks, the reader's language, nothing to fetch.

Such a link says nothing of who it is from, so the page names no shop: a forged one cannot borrow a brand.
On a shop's own host for links there are no files, so its looks stand in it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from importlib import resources

from litestar.response import Template
from markupsafe import Markup

_FILES = resources.files(__package__).joinpath("templates", "tracking")
WORDS: dict[str, dict[str, str]] = tomllib.loads(_FILES.joinpath("gone.toml").read_text("utf-8"))
"""Language -> title and text."""
STYLE = _FILES.joinpath("gone.css").read_text("utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
ALONE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every public answer."""
_HEADERS = {
    **ALONE,
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_LANGUAGE = re.compile(r"\s*([a-z]{2})(?![a-z])")


def page(languages: str) -> Template:
    """The page with status 404, in the first language of an Accept-Language header that we have."""
    found = (_LANGUAGE.match(one) for one in languages.lower().split(","))
    language = next((one[1] for one in found if one and one[1] in WORDS), "en")
    style = Markup(STYLE)  # noqa: S704 - our own file
    context = {"lang": language, "style": style, **WORDS[language]}
    return Template("tracking/gone.html", context=context, status_code=404, headers=_HEADERS)
