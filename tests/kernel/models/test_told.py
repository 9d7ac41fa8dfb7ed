"""Figures in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kernel.contracts.models import Evaluation
from kernel.models.told import figures, rivals, words


def found(**more: Any) -> Evaluation:
    told: dict[str, Any] = {
        "model": "m",
        "version": "1",
        "as_of": datetime(2026, 6, 1, tzinfo=UTC),
        "horizon_days": 30,
        "n": 10,
        "metrics": {"auc": 0.8, "log_loss": 0.4, "hit_at_3": 0.2},
        "baselines": {"recency_only": {"log_loss": 0.5}, "my_own": {"auc": float("nan")}},
    }
    return Evaluation(**told | more)


def test_the_main_figure_stands_first_beside_the_simple_methods() -> None:
    main, auc, other = figures(found())
    assert (main.title, main.better, main.mine) == ("Log loss", "less is better", 0.4)
    assert main.others == (0.5, None)
    assert (auc.name, auc.better, auc.others) == ("auc", "more is better", (None, None))
    assert (other.title, other.better) == ("Hit at 3", "")
    assert rivals(found()) == ("Recency alone", "My own")


def test_a_plugin_has_its_own_words() -> None:
    own = found(
        metric="hit_at_3",
        lower_is_better=False,
        words={"hit_at_3": "Among three", "my_own": "A guess"},
    )
    assert figures(own)[0].title == "Among three" and figures(own)[0].better == "more is better"
    assert rivals(own)[1] == "A guess"


def test_nothing_to_say() -> None:
    assert figures(found(missing=("Orders.",))) == ()
    assert figures(found(metrics={})) == ()
    assert words("a_b") == "A b" and words("") == ""
