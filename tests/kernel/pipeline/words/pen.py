"""The writer's other half: a plugin that implements nothing but `write_copy`, to be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import Manifest, hookimpl
from tests.kernel.pipeline.words.writer import WRITER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Brief, Context, Pending, Written

MANIFEST = Manifest(
    name="pen", version="1.0.0", title="Pen", summary="Writes.", kind="campaign", order=1
)


@hookimpl
async def write_copy(ctx: Context, briefs: Sequence[Brief]) -> list[Written | Pending | None]:
    return await WRITER.say(briefs)
