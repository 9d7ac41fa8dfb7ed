"""What plugins and pages ask of the models: the card of one, its artefact, and recommendations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.models import Recommendation, Recommender, Remembering, Slot
from kernel.models import artefact, store
from kernel.models.promote import complaint
from kernel.models.run import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context


class Card(Frozen):
    """All there is to say about a model of a tenant."""

    name: str
    title: str
    about: str
    state: str
    """In a sentence: in use since when, abstains and why, or what is wrong."""
    healthy: bool
    in_use: store.Version | None
    versions: tuple[store.Version, ...]
    """The last attempts to train it, newest first."""
    scoring: store.Scoring | None


async def card(ctx: Context, name: str) -> Card:
    """The card of a model.

    Raises:
        NotFound: no enabled plugin of the tenant has it.
    """
    (owned,) = chosen(ctx, [name])
    past = await store.versions(ctx, name)
    used = await store.in_use(ctx, name)
    wrong = complaint(past[0] if past else None, used, ctx.now)
    if wrong:
        state = wrong
    elif used is not None:
        state = f"In use since {used.made_at:%Y-%m-%d}. {used.reason}"
    elif past:
        state = f"It says nothing yet: {past[0].reason}"
    else:
        state = "It has not been trained yet; that happens tonight."
    return Card(
        name=name,
        title=owned.value.title,
        about=owned.value.about,
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
