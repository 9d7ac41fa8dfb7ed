"""What the engine learns from: a shop's history as frames, and the models that read it.

Everything here is pure and synchronous: frames in, plain data and frames out, with the moment
`as_of` given. The same functions serve the database and the commands that read files. What happened
at or after `as_of` must not change a result; nor must the order of rows or the kind of ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    import polars as pl

    from kernel.contracts.context import Context

Need = Literal["lines", "products", "mails"]
Slot = Literal["again", "new", "popular"]


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """What is known of a shop's customers, clean, as frames. Times are UTC, money is in one currency.

    Rows stand in no promised order, except that `orders` is sorted by customer and time. A frame
    that was not asked for (`Model.needs`) is empty.
    """

    orders: pl.DataFrame
    """customer_id i64, order_id i64, ordered_at, amount f64 (null: another currency), is_return
    bool, units i32, lines i32. A return is negative."""
    lines: pl.DataFrame
    """order_id i64, customer_id i64 (null: unknown buyer), ordered_at, sku str, quantity i64 (returns:
    negative), unit_price f64, amount f64, is_product bool."""
    products: pl.DataFrame
    """sku str, title str, product_type str, price f64, listed bool, inventory i64 (null: not counted),
    is_product bool."""
    mails: pl.DataFrame
    """customer_id i64, at, kind str: `sent` or `clicked`, campaign_type str."""
    timezone: str = "UTC"
    """Says which day an order belongs to."""
    currency: str = ""
    ids: pl.Series | None = None
    """For files: the customer's id as it was written, at place customer_id."""
    noticed: dict[str, int] = field(default_factory=dict)
    """What the reader left out or mended -> how many rows."""


class Bin(Frozen):
    """One bar of a reliability curve: of `n` customers `said` was expected and `was` came true."""

    n: int
    said: float
    was: float


class Evaluation(Frozen):
    """How good a model is: trained on what happened before `as_of`, judged by [as_of, as_of + H)."""

    model: str
    version: str
    as_of: datetime
    horizon_days: int
    n: int
    """Customers judged, or what `counted` says."""
    counted: str = "customers"
    base_rate: float | None = None
    """The share of them for whom the thing came true."""
    method: str = ""
    why: str = ""
    """One sentence: why this method and not another."""
    metric: str = "log_loss"
    """The one of `metrics` by which models are compared."""
    lower_is_better: bool = True
    error: float = 0.0
    """Standard error of the metric on this sample; 0 for not known."""
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    """Name of a simple method -> the same metrics."""
    curve: tuple[Bin, ...] = ()
    trained_from: datetime | None = None
    trained_to: datetime | None = None
    trained_n: int = 0
    words: dict[str, str] = msgspec.field(default_factory=dict)
    """Name of a metric or baseline -> what pages call it, where the kernel does not know it."""
    missing: tuple[str, ...] = ()
    """Sentences: what is missing. Not empty: the model abstained, and the rest says nothing."""
    notes: tuple[str, ...] = ()
    """Sentences a reader of the figures should know."""
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    """What else is worth telling, as plain data."""


class Trained(Frozen):
    """A fitted model as data."""

    artefact: bytes
    """The model's own encoding (msgspec) of a Struct of plain data. Never pickle."""
    method: str
    why: str
    n: int
    """Customers it learned from, or what `counted` says."""
    trained_from: datetime
    trained_to: datetime
    """No order and no label of the training lies at or after this moment."""
    counted: str = "customers"
    horizon_days: int | None = None
    """How far ahead its scores look."""
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    """Plain data for the model's card: names and sizes of segments, importance of features …"""


class Abstained(Frozen):
    """Too little to say anything: one sentence for each thing that is missing."""

    missing: tuple[str, ...]


class Recommendation(Frozen):
    """A product for a customer, with the reason."""

    sku: str
    slot: Slot
    rank: int
    score: float
    reason: str
    """For the merchant: `bought 4 times, last in May`, `312 of 900 who bought X bought it too`."""


class Model(Protocol):
    """Something that learns from a shop's history, and what it says about each customer.

    Its traits are named `<plugin>.<something>`; the model is named like its plugin, or
    `<plugin>_<something>` where a plugin has several.
    """

    name: str
    version: str
    """Another version cannot read the artefact: what was trained is refused and trained again."""
    title: str
    about: str
    """One sentence for the merchant: what it tells, and for when."""
    needs: frozenset[Need]
    """The frames of the history it reads besides orders."""
    traits: dict[str, str]
    """Name of each trait it writes -> meaning and unit. A column `score` may leave out."""

    def horizon(self, history: History, as_of: datetime) -> int:
        """How many days ahead to look, from the shop's own rhythm before `as_of`."""
        ...

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        """Fit on what happened before `as_of`."""
        ...

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        """`customer_id` and a column for each trait; one row a customer who ordered before `as_of`.

        A null takes the customer's trait away. Round: what differs is written. A column may hold
        numbers, text, booleans, moments (UTC), or lists or structs of these. The history may be of some
        customers only: what a score needs of all the others is in the artefact.

        Raises:
            InvalidInput: the artefact cannot be read.
        """
        ...

    def evaluate(
        self, history: History, as_of: datetime, horizon: int, settings: Any
    ) -> tuple[Evaluation, pl.DataFrame]:
        """Train before `as_of`, judge by the `horizon` days from it; and the scores, as the commands
        write them: `customer_id` first, then what a reader joins to it (churn: `probability`; rfm:
        `segment, rank, r, f, m`). When it abstains, the frame has no rows.
        """
        ...


@runtime_checkable
class Judging(Protocol):
    """A Model that can also judge an artefact it trained earlier, so that old and new compare."""

    learns_outcomes: bool
    """False: it learns from how customers stand, never from what they did next. Then it may be judged by
    days that lie before the end of its training.
    """

    def judge(
        self, artefact: bytes, history: History, as_of: datetime, horizon: int
    ) -> dict[str, float]:
        """The metrics of `evaluate`, of this artefact."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A Model that learns again from the artefact in use on, so that names and borders survive."""

    def train_again(
        self, artefact: bytes, history: History, as_of: datetime, settings: Any
    ) -> Trained | Abstained:
        """As `train`, which is called where there is nothing in use."""
        ...


@runtime_checkable
class Patient(Protocol):
    """A Model that costs much to train and learns little from a week of an old shop: it is trained when so
    much is new, and after four weeks at the latest.
    """

    new_share: float
    """Orders since the last training, of all orders: 0.03 is three in a hundred."""


@runtime_checkable
class Recommender(Protocol):
    """A Model that recommends products; the plugin that has it is asked through
    `kernel.sdk.recommend`.
    """

    def recommend(
        self, history: History, as_of: datetime, baskets: pl.DataFrame, k: int, settings: Any
    ) -> pl.DataFrame:
        """For each basket (`basket_id` i64, `item` str, null in an empty basket) the `k` items that fit
        it best: `basket_id, rank, item, score`. Ranks begin with 1; what lies in the basket is not
        recommended.
        """
        ...

    def next_order(self, history: History, as_of: datetime, k: int, settings: Any) -> pl.DataFrame:
        """What each known customer may buy next: `customer_id, slot, rank, item, reason`, up to `k` in
        each of the slots `again` and `new`.
        """
        ...

    async def for_customers(
        self, ctx: Context, customer_ids: Sequence[int], slot: Slot, k: int
    ) -> dict[int, list[Recommendation]]:
        """Up to `k` products in this slot for each of these customers, best first; from what was
        computed last, in one or two queries.
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """A Recommender that does not offer the same again soon: told by `kernel.sdk.note_offers`."""

    async def offered(self, ctx: Context, offers: Sequence[tuple[int, str]]) -> None:
        """These (customer id, SKU) stand in mails that are being handed over. Safe to tell twice."""
        ...
