"""What a trained churn model is: numbers, and nothing that runs."""

from __future__ import annotations

import math

import msgspec

from kernel.sdk import Frozen, InvalidInput
from plugins.churn.bgnbd import Rhythm
from plugins.churn.learners import Learned
from plugins.churn.snapshots import columns
from plugins.churn.worth import Worth


class Churn(Frozen):
    """Whatever scoring needs to know of all the other customers."""

    method: str
    horizon: int
    usual_gap: float
    """Days of the shop's usual pause."""
    rhythm: Rhythm
    worth: Worth
    columns: tuple[str, ...] = ()
    learned: Learned | None = None
    shift: float = 0.0
    """Added to the log-odds: the season; of a small shop what the last window said of the level."""


def encode(churn: Churn) -> bytes:
    """The artefact in bytes."""
    return msgspec.msgpack.encode(churn)


def decode(artefact: bytes) -> Churn:
    """The model in an artefact.

    Raises:
        InvalidInput: it is none, or does not fit this code.
    """
    try:
        churn = msgspec.msgpack.decode(artefact, type=Churn)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(f"This is no churn model: {error}.") from error
    rhythm = msgspec.structs.astuple(churn.rhythm)
    numbers = (*rhythm, churn.usual_gap, churn.worth.value, churn.worth.scale, churn.shift)
    if not all(map(math.isfinite, numbers)) or min(rhythm) <= 0 or not 1 <= churn.horizon <= 3650:
        raise InvalidInput("The churn model holds numbers that cannot be.")
    if churn.learned is not None and churn.columns != columns():
        raise InvalidInput("The churn model was trained on other columns than these.")
    return churn
