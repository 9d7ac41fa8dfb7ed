"""What segments mean and what to do with them, in the merchant's words.

The words compare: in a shop where everybody bought once, Champions bought once too, but lately and for much.
"""

from __future__ import annotations

from kernel.sdk import Frozen


class Meaning(Frozen):
    """Who is in a segment, and what to do with them: a sentence or two each."""

    who: str
    do: str


_MEANINGS = {
    "Champions": Meaning(
        who="Bought more lately, more often and for more than nearly everyone else.",
        do="Thank them and show them what is new first. They buy without a discount.",
    ),
    "Loyal": Meaning(
        who="Better than most in how lately, how often and for how much they buy.",
        do="Offer what goes with what they have, and make the next order easy.",
    ),
    "Promising": Meaning(
        who="In the middle: they bought lately or more than once, but have not settled in.",
        do="Help them to a good next order: this is where it changes most.",
    ),
    "At Risk": Meaning(
        who="Not seen for longer than most, or bought less than most.",
        do="Write to them before they are gone, with a reason to come back.",
    ),
    "Lost": Meaning(
        who="Bought the least, and the longest ago.",
        do="One last mail, then leave them in peace: mail that nobody opens harms your name.",
    ),
    "Everyone": Meaning(
        who="Too few customers, or too much alike, to tell groups apart.",
        do="Write to them as to one group. Groups come by themselves as the shop grows.",
    ),
}
_UNKNOWN = Meaning(who="A segment of an earlier version.", do="It is replaced at the next scoring.")


def meaning(segment: str) -> Meaning:
    """The words for a segment, also for one that this version does not know."""
    return _MEANINGS.get(segment, _UNKNOWN)


def listed(names: list[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
