"""How a trained model is kept: plain data in an envelope that says whose it is. Never pickle.

The model encodes its own Struct (msgspec); the envelope adds who can read it and a checksum. What is
corrupt, from another model, another version or other features is refused with a sentence.
"""

from __future__ import annotations

import hashlib
import zlib

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput
from kernel.models.features import feature_hash

MAGIC = b"MWMODEL1"
LARGEST = 64 * 1024 * 1024
"""Bytes of an artefact when unpacked; more is refused before it fills the memory."""


class Envelope(Frozen):
    """An artefact with what says whether this code can read it."""

    model: str
    version: str
    features: str
    sha256: bytes
    body: bytes


def pack(model: str, version: str, body: bytes) -> bytes:
    """The bytes to keep for an artefact `body` of this version of the model."""
    sha256 = hashlib.sha256(body).digest()
    envelope = Envelope(
        model=model, version=version, features=feature_hash(), sha256=sha256, body=body
    )
    return MAGIC + zlib.compress(msgspec.msgpack.encode(envelope), 6)


def unpack(model: str, version: str, kept: bytes) -> bytes:
    """The artefact in bytes made by `pack`.

    Raises:
        InvalidInput: it is corrupt, or another model, version or feature frame made it.
    """
    again = f"Train it again: `mailwright models train --model {model}`."
    if not kept.startswith(MAGIC):
        raise InvalidInput(f"This is no trained model of Mailwright for `{model}`.", again)
    try:
        opened = zlib.decompressobj()
        content = opened.decompress(kept[len(MAGIC) :], LARGEST)
        if opened.unconsumed_tail or not opened.eof:
            raise ValueError("cut off, or larger than 64 MB")
        envelope = msgspec.msgpack.decode(content, type=Envelope)
        if hashlib.sha256(envelope.body).digest() != envelope.sha256:
            raise ValueError("its checksum is wrong")
    except (zlib.error, msgspec.MsgspecError, ValueError) as error:
        raise InvalidInput(f"The trained model `{model}` is corrupt: {error}.", again) from error
    if (envelope.model, envelope.version) != (model, version):
        raise InvalidInput(
            f"The trained model is of `{envelope.model}` version {envelope.version}, "
            f"and this is `{model}` version {version}.",
            again,
        )
    if envelope.features != feature_hash():
        raise InvalidInput(f"`{model}` was trained on features of another version.", again)
    return envelope.body
