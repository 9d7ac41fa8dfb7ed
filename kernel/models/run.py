"""Trains, judges, promotes and scores the models of a tenant.

The database is open only while history is read and results are written; models run in a thread of their
own. A model that fails, abstains or is refused leaves what is in use in use, and stands on the health
board with its reason.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.contracts.models import Abstained, Continuing, Judging, Patient
from kernel.models import artefact, store
from kernel.models.features import feature_hash
from kernel.models.history import read_history
from kernel.models.promote import Verdict, complaint, verdict
from kernel.models.work import off_loop
from kernel.plugboard.parts import Failure
from kernel.profiles.traits import write_trait_frame
from kernel.tenancy import health

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.contracts.models import Evaluation, History, Model, Trained
    from kernel.models.store import Version
    from kernel.plugboard.parts import Owned
    from kernel.tenancy.scope import TenantScope

TRAIN_EVERY = timedelta(days=7)
LITTLE_NEW_EVERY = timedelta(days=28)
"""For a Patient model, while little is new."""
ABSTAINED_EVERY = timedelta(days=1)
_OVERLAP = timedelta(hours=1)
"""Orders that a long transaction stored show up late: incremental scoring looks back so far."""
_FEW = 0.2
"""Above this share of customers with new orders, everything is trained and scored again."""

# The time only narrows the search. What counts is whether the transaction that stored the order was over: in
# the hour of an import everybody has an order stored lately, and it was seen all the same. (A number from
# the future is another server's: the data were moved. Nothing was seen yet where it is 0, which is of any age.)
_NEW = """
SELECT DISTINCT customer_id FROM profiles_order
WHERE tenant_id = $1 AND created_at > $2 AND customer_id IS NOT NULL
  AND (age(xmin) <= age(($4::bigint & 4294967295)::text::xid)
       OR $4::bigint > pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
LIMIT $3
"""


def chosen(ctx: Context, names: Collection[str] = ()) -> list[Owned[Model]]:
    """The models of the tenant's enabled plugins; only `names` where given.

    Raises:
        NotFound: one of `names` is not among them.
    """
    board = cast("TenantScope", ctx).core.board
    found = {name: one for name, one in board.models.items() if one.plugin in ctx.enabled}
    if missing := sorted(set(names) - set(found)):
        raise NotFound(
            f"The tenant {ctx.tenant.id} has no model {', '.join(missing)}.",
            f"Models of its plugins: {', '.join(found) or 'none'}.",
        )
    return [one for name, one in found.items() if not names or name in names]


async def train(ctx: Context, names: Collection[str] = ()) -> list[Version]:
    """Every chosen model trained and judged now, and taken into use if it is good enough.

    Args:
        ctx: the tenant, detached.
        names: of models; all of the tenant's when empty.
    """
    models = chosen(ctx, names)
    history, _ = await _read(ctx, models)
    found = []
    for owned in models:
        try:
            found.append(await _train(ctx, owned, history))
        except Exception as error:
            _report(ctx, owned, error)
            raise
        await _tell(ctx, owned)
    return found


async def score(ctx: Context, names: Collection[str] = ()) -> dict[str, store.Scoring]:
    """Everyone's traits written by the models in use; a model that has none in use is left out."""
    models = chosen(ctx, names)
    history, seen = await _read(ctx, models)
    found = {}
    for owned in models:
        done = await _score(ctx, owned, history, seen)
        if done is not None:
            found[owned.value.name] = done
    return found


async def nightly(ctx: Context, told: Callable[[str], Awaitable[None]] | None = None) -> None:
    """Train what is due, then score everyone. What one model fails at is told on the health board."""
    models = chosen(ctx)
    history, seen = await _read(ctx, models)
    for owned in models:
        if told is not None:
            await told(owned.value.title)
        try:
            if await _is_due(ctx, owned, history):
                await _train(ctx, owned, history)
            done = await _score(ctx, owned, history, seen)
            await _tell(ctx, owned)
        # A stranger's model may raise anything, and the next one is not to suffer for it.
        except Exception as error:  # noqa: BLE001
            done = None
            _report(ctx, owned, error)
        if done is None:
            async with ctx.transaction() as tx:
                await store.looked(tx, owned.value.name, seen)


async def fresh(ctx: Context) -> None:
    """Score those who ordered since the last time. Where models never ran, or very much is new (a
    history was imported), everything is trained and scored.
    """
    models = chosen(ctx)
    async with ctx.transaction() as tx:
        known = await store.scorings(tx)
        people = await tx.db.fetchval(
            "SELECT count(*) FROM profiles_customer WHERE tenant_id = $1 AND orders_count > 0",
            tx.tenant.id,
        )
        if not people:
            return
        most = max(100, int(people * _FEW))
        new = []
        if known:
            since = min(one.seen_at for one in known.values()) - _OVERLAP
            below = min(one.seen_below for one in known.values())
            rows = await tx.db.fetch(_NEW, tx.tenant.id, since, most + 1, below)
            new = [row["customer_id"] for row in rows]
    if any(owned.value.name not in known for owned in models) or len(new) > most:
        await nightly(ctx)
    elif new:
        history, seen = await _read(ctx, models, new)
        for owned in models:
            try:
                await _score(ctx, owned, history, seen, new)
                await _tell(ctx, owned)
            except Exception as error:  # noqa: BLE001 - as in nightly
                _report(ctx, owned, error)
            async with ctx.transaction() as tx:
                await store.looked(tx, owned.value.name, seen)


async def rollback(ctx: Context, name: str, to: int | None = None) -> Version:
    """The model's version `to` (default: the one before) in use again, and everyone scored by it.

    Raises:
        Conflict: there is nothing to go back to.
    """
    (owned,) = chosen(ctx, [name])
    async with ctx.transaction() as tx:
        now = await store.in_use(tx, name)
        if to is None:
            past = await store.versions(tx, name, below=now.number if now else 2**31 - 1)
            to = next((v.number for v in past if v.state == "retired"), None)
        if to is None or (now is not None and now.number == to):
            raise Conflict(
                f"The model `{name}` has no earlier version to go back to.",
                f"See `mailwright models show {name} --tenant {tx.tenant.id}`.",
            )
        artefact.unpack(name, owned.value.version, await store.artefact(tx, name, to))
        await store.use(tx, name, to, f"Put back into use by {ctx.actor}.")
    await score(ctx, [name])
    await _tell(ctx, owned)
    async with ctx.transaction() as tx:
        found = await store.in_use(tx, name)
    assert found is not None
    return found


async def _read(
    ctx: Context, models: Sequence[Owned[Model]], customer_ids: Sequence[int] | None = None
) -> tuple[History, store.Seen]:
    needs = {need for owned in models for need in owned.value.needs}
    async with ctx.transaction() as tx:
        seen = await store.seen_now(tx)
        return await read_history(tx, tx.now, needs, customer_ids), seen


async def _is_due(ctx: Context, owned: Owned[Model], history: History) -> bool:
    async with ctx.transaction() as tx:
        last = await store.versions(tx, owned.value.name, limit=1)
        used = await store.in_use(tx, owned.value.name)
        if not last:
            return True
        wait = ABSTAINED_EVERY if last[0].state == "abstained" else TRAIN_EVERY
        if last[0].state == "in_use" and _little_new(owned.value, history, last[0]):
            wait = LITTLE_NEW_EVERY
        if used is None or not await _readable(tx, owned, used):
            wait = ABSTAINED_EVERY  # nobody speaks: a young shop is tried again tomorrow
        # A little earlier, so that a week is seven nights and not eight.
        return tx.now - last[0].made_at > wait - timedelta(hours=1) or tx.now < last[0].made_at


def _little_new(model: Model, history: History, last: Version) -> bool:
    if not isinstance(model, Patient) or last.trained is None:
        return False
    new = (history.orders["ordered_at"] >= last.trained.trained_to).sum()
    return new < model.new_share * history.orders.height


async def _readable(tx: Context, owned: Owned[Model], used: Version) -> bool:
    try:
        await _body(tx, owned, used)
    except (InvalidInput, NotFound):
        return False
    return True


async def _body(tx: Context, owned: Owned[Model], used: Version) -> bytes:
    kept = await store.artefact(tx, used.model, used.number)
    return artefact.unpack(used.model, owned.value.version, kept)


async def _train(ctx: Context, owned: Owned[Model], history: History) -> Version:
    model, scope = owned.value, cast("TenantScope", ctx)
    manifest = scope.core.board.plugins[owned.plugin].manifest
    settings = ctx.settings(manifest.settings) if manifest.settings.__struct_fields__ else None
    async with ctx.transaction() as tx:
        now = tx.now
        used = await store.in_use(tx, model.name)
        body = await _body(tx, owned, used) if used and await _readable(tx, owned, used) else None
    begun = time.perf_counter()
    evaluation, trained, judged = await off_loop(_learn, model, history, now, settings, used, body)
    if isinstance(trained, Abstained):
        decided, state = Verdict(promote=False, reason=" ".join(trained.missing)), "abstained"
    else:
        old = used.evaluation if used is not None and body is not None else None
        decided = verdict(evaluation, old, judged)
        state = "in_use" if decided.promote else "refused"
    made = None if isinstance(trained, Abstained) else trained
    async with ctx.transaction() as tx:
        return await store.keep(
            tx,
            model=model.name,
            plugin=owned.plugin,
            state=cast("store.State", state),
            reason=decided.reason,
            code_version=f"{manifest.version}/{model.version}",
            feature_hash=feature_hash(),
            seconds=time.perf_counter() - begun,
            trained=made,
            evaluation=evaluation,
            packed=artefact.pack(model.name, model.version, made.artefact) if made else None,
        )


def _learn(
    model: Model,
    history: History,
    now: datetime,
    settings: Any,
    used: Version | None,
    body: bytes | None,
) -> tuple[Evaluation, Trained | Abstained, dict[str, float] | None]:
    """Judged on the last window that is closed; then fitted on everything."""
    horizon = model.horizon(history, now)
    then = now - timedelta(days=horizon)
    evaluation, _ = model.evaluate(history, then, horizon, settings)
    if body is not None and isinstance(model, Continuing):
        trained = model.train_again(body, history, now, settings)
    else:
        trained = model.train(history, now, settings)
    judged = None
    seen = used is None or used.trained is None or used.trained.trained_to > then
    if (
        body is not None
        and not evaluation.missing
        and isinstance(model, Judging)
        and not (seen and model.learns_outcomes)
    ):
        judged = model.judge(body, history, then, horizon)
    return evaluation, trained, judged


async def _score(
    ctx: Context,
    owned: Owned[Model],
    history: History,
    seen: store.Seen,
    customer_ids: Sequence[int] | None = None,
) -> store.Scoring | None:
    model = owned.value
    async with ctx.transaction() as tx:
        used = await store.in_use(tx, model.name)
        if used is None:
            return None
        body, now = await _body(tx, owned, used), tx.now
    begun = time.perf_counter()
    scores = await off_loop(model.score, body, history, now)
    if strangers := sorted(set(scores.columns) - {"customer_id", *model.traits}):
        raise InvalidInput(
            f"The model `{model.name}` scored {', '.join(strangers)}, which it does not declare.",
            "Name it in its `traits`.",
        )
    async with ctx.transaction() as tx:
        whole = customer_ids is None
        version = f"{used.code_version}/{used.number}"
        gone = tuple(sorted(model.traits)) if whole else ()
        written = await write_trait_frame(tx, owned.plugin, version, scores, gone)
        done = store.Scoring(
            model=model.name,
            number=used.number,
            scored_at=now,
            customers=scores.height,
            written=written,
            seconds=time.perf_counter() - begun,
            seen_at=seen.at,
            seen_below=seen.below,
        )
        if whole:
            await store.scored(tx, done)
    return done


async def _tell(ctx: Context, owned: Owned[Model]) -> None:
    """The health board has a line as long as there is something to complain of, and then no more. What
    stands there is not told again: it is looked at every quarter of an hour.
    """
    async with ctx.transaction() as tx:
        last = await store.versions(tx, owned.value.name, limit=1)
        used = await store.in_use(tx, owned.value.name)
        said = complaint(last[0] if last else None, used, tx.now)
        if said:
            failure = _failure(tx, owned, Conflict(said))
            if not await health.stands(tx, failure):
                cast("TenantScope", tx).core.board.report(failure)
        else:
            await health.clear(tx, owned.plugin, what(owned.value.name))


def _report(ctx: Context, owned: Owned[Model], error: BaseException) -> None:
    cast("TenantScope", ctx).core.board.report(_failure(ctx, owned, error))


def _failure(ctx: Context, owned: Owned[Model], error: BaseException) -> Failure:
    return Failure(ctx.tenant.id, owned.plugin, what(owned.value.name), error)


def what(model: str) -> str:
    """What the health board calls this model."""
    return f"model {model}"
