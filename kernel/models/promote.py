"""Whether a newly trained model is taken into use, against the simple methods and the one in use; and
what there is to complain of.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.models.told import rival, title

if TYPE_CHECKING:
    from kernel.contracts.models import Evaluation
    from kernel.models.store import Version

LEAST_TOLERANCE = 0.01
"""A share of the metric: a difference smaller than it, or than two standard errors, is noise."""
STALE = timedelta(days=45)
"""A model that learned nothing new for so long is stale."""


class Verdict(Frozen):
    """Take it or not, and why, in a sentence for the merchant."""

    promote: bool
    reason: str


def verdict(
    new: Evaluation, old: Evaluation | None = None, judged: dict[str, float] | None = None
) -> Verdict:
    """Whether the model evaluated as `new` goes into use.

    Args:
        new: on the last closed window; `missing` when it could not be judged yet.
        old: how the model in use did when it was taken; None without one.
        judged: what the model in use does on the window of `new`, if that window is new to it.
    """
    if new.missing or not math.isfinite(new.metrics.get(new.metric, math.nan)):
        said = " ".join(new.missing) or f"it has no {new.metric.replace('_', ' ')}."
        if old is not None and not old.missing:
            return Verdict(promote=False, reason=f"It cannot be judged any more: {said}")
        return Verdict(promote=True, reason=f"Taken without a judgement: {said}")
    name, mine = title(new, new.metric), new.metrics[new.metric]
    noise = max(2 * new.error, LEAST_TOLERANCE * abs(mine))
    sign = 1 if new.lower_is_better else -1
    simple = {method: row[new.metric] for method, row in new.baselines.items() if new.metric in row}
    best = min(simple, key=lambda method: sign * simple[method], default="")
    if simple and sign * (mine - simple[best]) > noise:
        reason = f"{name} {mine:.3f} is worse than the {simple[best]:.3f} of {_words(new, best)}."
        return Verdict(promote=False, reason=reason)
    if judged is not None and new.metric in judged:
        if sign * (mine - judged[new.metric]) > noise:
            used = f"the {judged[new.metric]:.3f} of the model in use on the same days"
            return Verdict(promote=False, reason=f"{name} {mine:.3f} is worse than {used}.")
    elif old is not None and not old.missing and old.metric == new.metric:
        # The one in use has seen this window, so what compares is how far each beat the same rule: each on
        # a window of its own, so the errors of both count.
        noise = max(noise, 2 * math.hypot(new.error, old.error))
        then, now = _gain(old), _gain(new)
        if then is not None and now is not None and then - now > noise:
            reason = (
                f"{name}: it beats the best simple method by {now:.3f}; "
                f"the model in use did so by {then:.3f}."
            )
            return Verdict(promote=False, reason=reason)
    against = (
        f"; the best simple method, {_words(new, best)}, has {simple[best]:.3f}" if simple else ""
    )
    return Verdict(promote=True, reason=f"{name} {mine:.3f}{against}.")


def _gain(found: Evaluation) -> float | None:
    rows = [row[found.metric] for row in found.baselines.values() if found.metric in row]
    if not rows:
        return None
    sign = 1 if found.lower_is_better else -1
    return sign * (min(rows, key=lambda row: sign * row) - found.metrics[found.metric])


def _words(found: Evaluation, baseline: str) -> str:
    said = rival(found, baseline)
    return said[:1].lower() + said[1:]


def complaint(last: Version | None, used: Version | None, now: datetime) -> str:
    """What is wrong with a model and what to do, in sentences, or nothing: refused, stale, or abstains
    where it once worked. One that never had enough to say anything is not ill.

    Args:
        last: its last attempt.
        used: the version in use.
        now: the tenant's time.
    """
    if last is not None and last.state == "refused":
        stays = f"What it learned until {used.made_at:%Y-%m-%d} stays in use. " if used else ""
        return (
            f"The newest training was refused: {last.reason} {stays}"
            "It is tried again every week; train it now once the orders are complete."
        )
    if used is None or used.trained is None:
        return ""
    if last is not None and last.state == "abstained":
        return (
            f"It cannot learn any more: {last.reason} What it learned until "
            f"{used.made_at:%Y-%m-%d} stays in use. Import the orders that are missing; "
            "it is tried again every night."
        )
    if now - used.trained.trained_to > STALE:
        return (
            f"Stale: what it knows ends on {used.trained.trained_to:%Y-%m-%d}. Train it now; if it "
            "grows stale again, no worker runs at night."
        )
    return " ".join(used.trained.facts.get("alarms", ()))
