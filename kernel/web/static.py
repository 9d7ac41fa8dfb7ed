"""Static files of the kernel and of plugins, under addresses that change with their content."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

from litestar import Response, get

from kernel.contracts.errors import NotFound

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class StaticFiles:
    """Every file of the `static/` folders, read once at boot: what is not here is not served."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._urls: dict[str, str] = {}
        for owner, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if not path.is_file():
                    continue
                content = path.read_bytes()
                name = f"{owner}/{path.relative_to(folder).as_posix()}"
                versioned = f"{hashlib.sha256(content).hexdigest()[:16]}/{name}"
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                self._files[versioned] = (content, kind)
                self._urls[name] = f"/static/{versioned}"

    def url(self, name: str) -> str:
        """The address of `<plugin>/<file>`; a name that does not exist raises KeyError."""
        return self._urls[name]

    def route(self) -> HTTPRouteHandler:
        """The handler that serves them."""

        @get("/static/{name:path}")
        async def static(name: str) -> Response[bytes]:
            found = self._files.get(str(name).lstrip("/"))
            if found is None:
                raise NotFound("There is no such file.", "Reload the page: it may be out of date.")
            return Response(found[0], media_type=found[1], headers=_FOR_EVER)

        return static
