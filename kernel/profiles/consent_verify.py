"""Whether the consent ledger is as it was written; if not, which row is not, and what was done to it.

Three things must agree: each entry's hash with what the entry says and with the entry before; its seal
with the installation's secret; and the chain with what was signed of it earlier (anchors, exports).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.contracts.base import Frozen
from kernel.profiles import consent_chain as chain
from kernel.profiles.consent_anchor import Anchor, anchors, genuine, read_export, signed_by
from kernel.profiles.consent_walk import Finding, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.contracts.context import Context

PAGE = 5000
_FIELDS = len(chain.Fields._fields)
_ROWS = f"""
SELECT {", ".join(chain.Fields._fields)}, evidence_hash, prev_hash, hash, evidence, mac
FROM profiles_consent WHERE tenant_id = $1 ORDER BY seq
"""


class Report(Frozen):
    """What the verifier saw."""

    entries: int
    hash: str
    """Of the last entry, in hex."""
    findings: tuple[Finding, ...]
    more: int
    """Findings beyond those listed."""
    anchors: int
    """Signed statements that were compared."""
    notes: tuple[str, ...] = ()
    """What is no proof of tampering, and should be known."""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def verify(
    ctx: Context,
    export: tuple[Anchor, Iterator[dict[str, Any]]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Walks the whole chain of the tenant.

    Args:
        ctx: the tenant.
        export: an earlier export (`consent_anchor.read_export`), the rows of which are compared too.
        progress: told how many entries were walked.
    """
    walk = Walk(ctx.tenant.id, chain.ring(ctx))
    signed = await _signed(ctx, walk, export[0] if export else None)
    lines = export[1] if export else iter(())
    first = await _head(ctx)
    compared, head_hash = 0, b""
    async for page in ctx.db.cursor(_ROWS, ctx.tenant.id, size=PAGE):
        for row in page:
            fields = chain.Fields(*row[:_FIELDS])
            digest, prev_hash, entry_hash, evidence, mac = row[_FIELDS:]
            walk.step(fields, digest, prev_hash, entry_hash, evidence, mac)
            seq = fields.seq
            if seq == first[0]:
                head_hash = entry_hash
            line = next(lines, None)
            if line is not None and line["hash"] != entry_hash.hex():
                walk.found(seq, _against(line, fields, digest))
                lines = iter(())
            if seq in signed:
                compared += 1
                anchor = signed.pop(seq)
                if anchor.hash != entry_hash.hex():
                    walk.found(seq, f"This row is another one than was signed on {anchor.at}.")
        if progress is not None:
            progress(walk.entries)
    _ends(walk, first, head_hash, await _head(ctx), signed)
    walk.settle()
    return Report(
        entries=walk.entries,
        hash=walk.hash.hex(),
        findings=tuple(walk.findings),
        more=walk.more,
        anchors=compared,
        notes=tuple(walk.notes),
    )


async def _head(ctx: Context) -> tuple[int, bytes]:
    row = await ctx.db.fetchrow(
        "SELECT seq, hash FROM profiles_consent_head WHERE tenant_id = $1", ctx.tenant.id
    )
    return (0, chain.genesis(ctx.tenant.id)) if row is None else (row["seq"], bytes(row["hash"]))


async def _signed(ctx: Context, walk: Walk, exported: Anchor | None) -> dict[int, Anchor]:
    signed = {}
    for anchor in await anchors(ctx):
        if genuine(ctx, anchor):
            signed[anchor.seq] = anchor
        else:
            walk.found(
                anchor.seq,
                f"The anchor of {anchor.at} was not signed by this installation, as far as its "
                "secrets tell.",
            )
    if exported is not None:
        signed[exported.seq] = exported
    signed.pop(0, None)
    return signed


def _ends(
    walk: Walk,
    first: tuple[int, bytes],
    head_hash: bytes,
    last: tuple[int, bytes],
    missing: dict[int, Anchor],
) -> None:
    """What is wrong at the end: the head as it was before the walk, and after it."""
    newest = max(missing.values(), key=lambda anchor: anchor.seq, default=None)
    if newest is not None and newest.seq > walk.seq:
        walk.found(
            walk.seq + 1, f"Rows {walk.seq + 1} to {newest.seq} are missing at the end: they were "
            f"signed on {newest.at}.",
        )  # fmt: skip
    elif first[0] > walk.seq:
        walk.found(walk.seq + 1, f"Rows {walk.seq + 1} to {first[0]} are missing at the end.")
    elif walk.seq > last[0]:
        walk.found(last[0] + 1, f"Rows from {last[0] + 1} on stand behind the head: forged.")
    elif head_hash and head_hash != first[1]:
        walk.found(first[0], "The head tells of another row than this.")


def _against(line: dict[str, Any], fields: chain.Fields, digest: bytes) -> str:
    """How a row differs from the same row in an export."""
    now = chain.line(fields, digest)
    parts = [name for name, value in now.items() if line.get(name) != value] or ["what precedes it"]
    return f"This row is another one than in the export: {', '.join(parts)}."


def check(path: Path, key: str) -> tuple[Anchor, Report]:
    """An export by itself: the head it claims, and whether the owner of the public key (in hex) signed
    that and its entries lead there.
    """
    head, lines = read_export(path)
    walk = Walk(head.tenant)
    if not signed_by(head, key):
        walk.found(head.seq, "The head was not signed with this key.")
    for said in lines:
        try:
            fields, digest = chain.unline(said)
            entry_hash = bytes.fromhex(said["hash"])
        except (KeyError, TypeError, ValueError):
            walk.found(walk.seq + 1, "This line is not an entry.")
            break
        walk.step(fields, digest, walk.hash, entry_hash)
    if walk.entries and (walk.seq, walk.hash.hex()) != (head.seq, head.hash):
        walk.found(walk.seq, f"The entries do not lead to the signed head, row {head.seq}.")
    walk.settle()
    found = tuple(walk.findings)
    return head, Report(
        entries=walk.entries, hash=head.hash, findings=found, more=walk.more, anchors=1
    )
