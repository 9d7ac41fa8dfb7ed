"""Along a chain of consents, entry by entry: where it breaks, and what was done there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from kernel.contracts.base import Frozen
from kernel.profiles import consent_chain as chain

LISTED = 100
"""Findings that are told in full; further ones are counted."""


class Finding(Frozen):
    """What is wrong with a row."""

    seq: int
    problem: str


class Walk:
    """Goes along a chain, one entry after the other, in constant memory."""

    def __init__(self, tenant: str, ring: Sequence[chain.Secrets] = ()) -> None:
        self.tenant = tenant
        self.ring = {keys.key_id: keys for keys in ring}
        self.current = ring[0].key_id if ring else b""
        self.seq = 0
        self.hash = chain.genesis(tenant)
        self.entries = 0
        self.findings: list[Finding] = []
        self.more = 0
        self.notes: list[str] = []
        self._sealed_now = 0
        self._altered: list[tuple[chain.Fields, bytes, bytes, bytes]] = []
        self._foreign = b""

    def found(self, seq: int, problem: str) -> None:
        """Keep a finding, or count it."""
        if len(self.findings) < LISTED:
            self.findings.append(Finding(seq=seq, problem=problem))
        else:
            self.more += 1

    def step(
        self,
        fields: chain.Fields,
        digest: bytes,
        prev_hash: bytes,
        entry_hash: bytes,
        evidence: bytes | None = None,
        mac: bytes | None = None,
    ) -> None:
        """The next entry; at most one finding, the nearest to what was done."""
        seq, made = fields.seq, chain.chained(self.tenant, prev_hash, fields, digest)
        gap = seq - self.seq - 1
        if gap > 0:
            rows = f"rows {self.seq + 1} to {seq - 1} are" if gap > 1 else "this row is"
            self.found(self.seq + 1, f"{rows} missing.")
        if made != entry_hash:
            self.found(seq, "A field of this row was altered.")
            if len(self._altered) < LISTED:
                self._altered.append((fields, digest, prev_hash, entry_hash))
        elif evidence is not None and hashlib.sha256(evidence).digest() != digest:
            self.found(seq, "The evidence of this row was altered.")
        elif not gap and prev_hash != self.hash:
            self.found(
                seq, f"This row does not continue row {seq - 1}: one of the two was rewritten."
            )
        elif mac is not None:
            self._sealed(seq, entry_hash, mac)
        self.seq, self.hash = seq, entry_hash
        self.entries += 1

    def _sealed(self, seq: int, entry_hash: bytes, mac: bytes) -> None:
        key_id = mac[: chain.KEY_ID_BYTES]
        if (keys := self.ring.get(key_id)) is not None:
            self._foreign = b""
            if mac != chain.mac(keys, entry_hash):
                self.found(seq, "This row was forged: it does not bear this installation's seal.")
            elif key_id == self.current:
                self._sealed_now = seq
            elif self._sealed_now and not self.notes:
                self.notes.append(
                    f"Row {seq} is sealed with an old secret, row {self._sealed_now} with the new one "
                    "before it. That is so where a process still ran with the old secret, or it was "
                    "set back; otherwise somebody has the old secret and wrote this row."
                )
        elif key_id != self._foreign:
            self._foreign = key_id
            self.found(
                seq,
                "From this row on the seal is of another secret: forged, or MAILWRIGHT_SECRET was "
                "another one then. It can be checked once that is in MAILWRIGHT_OLD_SECRETS.",
            )

    def settle(self) -> None:
        """At the end: rows whose number alone was altered are told as moved."""
        seqs = {finding.seq for finding in self.findings}
        seqs |= {seq + 1 for seq in seqs} | {seq - 1 for seq in seqs}
        moved: dict[int, str] = {}
        for fields, digest, prev_hash, entry_hash in self._altered:
            for seq in seqs:
                other = fields._replace(seq=seq)
                if chain.chained(self.tenant, prev_hash, other, digest) == entry_hash:
                    moved[fields.seq] = f"This row was moved: it was written as row {seq}."
        self.findings = [
            Finding(seq=f.seq, problem=moved.get(f.seq, f.problem)) for f in self.findings
        ]
