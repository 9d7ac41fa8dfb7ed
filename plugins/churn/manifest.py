"""Facts about the churn plugin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class ChurnSettings(Frozen):
    """Who is shown as at risk."""

    at_risk: Annotated[
        float,
        Meta(
            ge=0.1,
            le=0.95,
            description="From this chance of no order on, a customer is listed as at risk.",
        ),
    ] = 0.5
    lost: Annotated[
        float,
        Meta(
            ge=0.5,
            le=1,
            description="Above this chance of no order, a customer is lost rather than at risk, "
            "and not listed.",
        ),
    ] = 0.95


MANIFEST = Manifest(
    name="churn",
    version="1.0.0",
    title="Churn",
    summary="Tells how likely each customer is not to order again soon, why, and what is at stake.",
    kind="intelligence",
    settings=ChurnSettings,
    pages=(AdminPage(title="Churn", group="intelligence"),),
    docs="plugins/churn/README.md",
)
