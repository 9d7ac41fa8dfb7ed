"""A file from text, and its import into the tenant alpha."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from plugins.files.importing import Options, import_file
from plugins.files.report import Report

HEADER = "order_id,ordered_at,customer_id,email,sku,title,quantity,unit_price"


@pytest.fixture
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The folder of real data, or a skip."""
    named = os.environ.get("MAILWRIGHT_SHARED_DATA")
    folder = Path(named) if named else pytestconfig.rootpath.parent / "shared/data"
    if not folder.is_dir():
        pytest.skip(f"the shared data is not there: {folder} (set MAILWRIGHT_SHARED_DATA)")
    return folder


class Importer:
    """Imports what a test writes."""

    def __init__(self, ctx: Any, folder: Path) -> None:
        self.ctx = ctx
        self.folder = folder

    def write(self, text: str | bytes, name: str = "file.csv") -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    async def __call__(
        self, kind: str, text: str | bytes | Path, name: str = "file.csv", **options: Any
    ) -> Report:
        path = text if isinstance(text, Path) else self.write(text, name)
        return await import_file(self.ctx, kind, path, Options(**options))

    async def lines(self, *rows: str, header: str = HEADER, **options: Any) -> Report:
        """Orders from CSV rows under `header`."""
        return await self("orders", "\n".join([header, *rows, ""]), **options)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.ctx.db.fetch(sql)]


@pytest.fixture
def importer(alpha: Any, tmp_path: Path) -> Importer:
    return Importer(alpha, tmp_path)
