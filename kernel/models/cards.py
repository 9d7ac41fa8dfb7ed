"""What plugins and pages ask of the models: the card of one, its artefact, and recommendations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kernel.contracts.base import Frozen
from kernel.contracts.models import Recommendation, Recommender, Remembering, Slot
from kernel.models import artefact, store
from kernel.models.promote import complaint
from kernel.models.run import chosen, what
from kernel.models.told import Figure, figures, rivals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.models import Evaluation


_FAILS = "SELECT error FROM tenancy_health WHERE tenant_id = $1 AND plugin = $2 AND what = $3"


class Card(Frozen):
    """All there is to say about a model of a tenant."""

    name: str
    plugin: str
    title: str
    about: str
    standing: Literal["in use", "waits for data", "not trained yet", "needs a look"]
    state: str
    """In a sentence: in use since when, abstains and why, or what is wrong and what to do."""
    healthy: bool
    in_use: store.Version | None
    versions: tuple[store.Version, ...]
    """The last attempts to train it, newest first."""
    scoring: store.Scoring | None

    @property
    def judged(self) -> Evaluation | None:
        """How good the version in use is, where that could be judged."""
        found = self.in_use and self.in_use.evaluation
        return found if found and not found.missing else None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What it was judged by, beside the simple methods in `rivals`; the main figure first."""
        return figures(self.judged) if self.judged else ()

    @property
    def rivals(self) -> tuple[str, ...]:
        """The simple methods it is compared with, in words."""
        return rivals(self.judged) if self.judged else ()

    @property
    def earlier(self) -> tuple[store.Version, ...]:
        """Versions that were in use and can be put back."""
        return tuple(one for one in self.versions if one.state == "retired" and one.kept)


async def card(ctx: Context, name: str) -> Card:
    """The card of a model.

    Raises:
        NotFound: no enabled plugin of the tenant has it.
    """
    (owned,) = chosen(ctx, [name])
    past = await store.versions(ctx, name)
    used = await store.in_use(ctx, name)
    wrong = complaint(past[0] if past else None, used, ctx.now)
    if not wrong and (
        fails := await ctx.db.fetchval(_FAILS, ctx.tenant.id, owned.plugin, what(name))
    ):
        stays = f"What it learned until {used.made_at:%Y-%m-%d} stays in use. " if used else ""
        wrong = (
            f"It failed when it ran last: {fails} {stays}Train it now to see whether it is over."
        )
    standing: Any = "needs a look"
    if wrong:
        state = wrong
    elif used is not None:
        standing, state = "in use", f"In use since {used.made_at:%Y-%m-%d}. {used.reason}"
    elif past:
        standing, state = "waits for data", f"It says nothing yet: {past[0].reason}"
    else:
        standing = "not trained yet"
        state = "It has not been trained yet; that happens tonight."
    return Card(
        name=name,
        plugin=owned.plugin,
        title=owned.value.title,
        about=owned.value.about,
        standing=standing,
        state=state,
        healthy=not wrong,
        in_use=used,
        versions=tuple(past),
        scoring=(await store.scorings(ctx)).get(name),
    )


async def artefact_in_use(ctx: Context, name: str) -> bytes | None:
    """The model's own artefact whose scores are the traits now; None where nothing is in use.

    Raises:
        InvalidInput: it is corrupt or not of this version.
    """
    (owned,) = chosen(ctx, [name])
    used = await store.in_use(ctx, name)
    if used is None:
        return None
    kept = await store.artefact(ctx, name, used.number)
    return artefact.unpack(name, owned.value.version, kept)


async def recommend(
    ctx: Context, customer_ids: Sequence[int], slot: Slot, k: int = 3
) -> dict[int, list[Recommendation]]:
    """Up to `k` products for each of these customers, best first, from the first enabled plugin whose
    model recommends. Whom it knows nothing for is left out; empty where there is no such plugin.
    """
    for owned in chosen(ctx):
        if isinstance(owned.value, Recommender):
            return await owned.value.for_customers(ctx, customer_ids, slot, k)
    return {}


async def note_offers(ctx: Context, offers: Sequence[tuple[int, str]]) -> None:
    """Tell the recommenders of the tenant's plugins that these (customer id, SKU) are being offered in
    a mail, so that they are not recommended again soon.
    """
    for owned in chosen(ctx):
        if isinstance(owned.value, Remembering):
            await owned.value.offered(ctx, offers)
