"""Customers from any source into the database: who is who, who is new, what changed.

A person is known by the source's id, by another id of theirs (an alias), or by e-mail. Two ids with
one e-mail address are one person: the first keeps the profile, the other becomes an alias, so that
orders under either id find them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from kernel.profiles.consent import apply_consent
from kernel.profiles.consent_tracking import set_tracking_consent
from kernel.profiles.frames import CUSTOMERS, MOMENT, clean_tags, conform
from kernel.profiles.staging import new_ids, query_frame, stage
from kernel.profiles.totals import SUMS

if TYPE_CHECKING:
    from kernel.contracts.context import Context

_SLICE = 50_000
_TEXTS = ("first_name", "last_name", "country", "timezone", "locale", "tags", "source")

_FIND = """
SELECT s.n, k.id AS by_id, e.id AS by_email, (k.email IS NOT NULL)::int AS has_email,
       (k.erased_at IS NOT NULL)::int AS erased, (e.external_id = '')::int AS nameless
FROM stage_people s
LEFT JOIN profiles_customer x
  ON x.tenant_id = $1 AND x.external_id = s.external_id AND x.external_id <> ''
LEFT JOIN profiles_customer_alias a ON a.tenant_id = $1 AND a.external_id = s.external_id
LEFT JOIN profiles_customer k ON k.tenant_id = $1 AND k.id = coalesce(x.id, a.customer_id)
LEFT JOIN profiles_customer e ON e.tenant_id = $1 AND e.email = s.email
ORDER BY s.n
"""
_FOUND = {
    "n": pl.Int64,
    "by_id": pl.Int64,
    "by_email": pl.Int64,
    "has_email": pl.Int8,
    "erased": pl.Int8,
    "nameless": pl.Int8,
}

_INSERT = f"""
INSERT INTO profiles_customer (tenant_id, id, external_id, email, first_name, last_name, country,
  timezone, locale, tags, created_at, source, orders_count, total_spent, first_order_at,
  last_order_at)
SELECT $1, n.id, external_id, email, first_name, last_name, country, timezone, locale,
  string_to_array(tags, ','), coalesce(created_at, $3::timestamptz), source,
  coalesce(s.orders_count, 0), coalesce(s.total_spent, 0), s.first_order_at, s.last_order_at
FROM stage_new n LEFT JOIN ({SUMS.format(people="stage_new")}) s ON s.id = n.id ORDER BY n.id
"""

_NEW_WINS = "coalesce(nullif(s.{0}, ''), c.{0})"
_OLD_WINS = "coalesce(nullif(c.{0}, ''), s.{0})"

_UPDATE = """
WITH wanted AS (
  SELECT c.id, coalesce(s.new_email, c.email) AS email, least(c.created_at, s.created_at) AS created_at,
    {texts},
    CASE WHEN {tags} THEN string_to_array(s.tags, ',') ELSE c.tags END AS tags,
    coalesce(nullif(c.external_id, ''), s.adopted) AS external_id
  FROM stage_known s JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.id
  WHERE c.erased_at IS NULL)
UPDATE profiles_customer c SET email = w.email, created_at = w.created_at,
  first_name = w.first_name, last_name = w.last_name, country = w.country, timezone = w.timezone,
  locale = w.locale, tags = w.tags, external_id = w.external_id, updated_at = now()
FROM wanted w WHERE c.tenant_id = $1 AND c.id = w.id AND
  (c.email, c.created_at, c.first_name, c.last_name, c.country, c.timezone, c.locale, c.tags,
   c.external_id) IS DISTINCT FROM
  (w.email, w.created_at, w.first_name, w.last_name, w.country, w.timezone, w.locale, w.tags,
   w.external_id)
RETURNING c.id
"""

_ALIAS = """
INSERT INTO profiles_customer_alias (tenant_id, external_id, customer_id)
SELECT $1, external_id, id FROM stage_alias ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class People:
    """Who the rows of a frame are, and what `write` will do about them."""

    ids: pl.Series
    """Of the customers, in the order of the rows; null: nobody."""
    people: pl.DataFrame
    consents: pl.DataFrame
    tracking: pl.DataFrame
    created: frozenset[int]
    update: bool

    @property
    def noticed(self) -> dict[str, int]:
        """Facts worth telling, with how many people they are true of."""
        return _noticed(self.people)


async def resolve(ctx: Context, frame: pl.DataFrame, *, update: bool) -> People:
    """Finds the customer of every row, or an id for those who are new. Nothing is written yet.

    Args:
        ctx: the tenant.
        frame: any rows with columns of CUSTOMERS; later rows say the newer thing.
        update: True when the source is the authority on customers: what it says replaces what we
            have. False when it merely mentions them (orders): only gaps are filled.
    """
    rows = conform(frame, CUSTOMERS, "customers").with_columns(
        email=pl.col("email").str.strip_chars().str.to_lowercase().replace("", None),
        tags=clean_tags(pl.col("tags")),
    )
    rows = rows.with_columns(who=_WHO)
    people = _people(rows)
    await stage(ctx, "stage_people", people.select("n", "external_id", "email"))
    found = await query_frame(ctx, _FOUND, _FIND, ctx.tenant.id)
    people = _assign(people.join(found, on="n", maintain_order="left"), update)
    owners = people["owner"].drop_nulls().unique(maintain_order=True)
    new = pl.DataFrame(
        {"owner": owners, "new_id": await new_ids(ctx, "profiles_customer", owners.len())}
    )
    people = people.join(new, on="owner", how="left", maintain_order="left").with_columns(
        id=pl.coalesce("id", "new_id")
    )
    ids = rows.select("who").join(
        people.select("who", "id"), on="who", how="left", maintain_order="left"
    )
    return People(
        ids=ids["id"],
        people=people,
        consents=_statements(rows, people, "consent"),
        tracking=_statements(rows, people, "tracking"),
        created=frozenset(new["new_id"].to_list()),
        update=update,
    )


async def write(ctx: Context, found: People) -> frozenset[int]:
    """Creates who is new, with the totals of orders already written under their ids, and writes what
    is new about the others, whose ids are returned.
    """
    await _insert(ctx, found.people)
    changed = await _update(ctx, found.people, found.update)
    changed |= await apply_consent(ctx, found.consents)
    for part in found.tracking.iter_slices(_SLICE):
        changed |= set(await set_tracking_consent(ctx, part.rows(), basis="imported"))
    return changed - found.created


_WHO = (
    pl.when(pl.col("external_id") != "")
    .then("i:" + pl.col("external_id"))
    .otherwise("e:" + pl.col("email"))
)


def _people(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each id or e-mail that the rows name, with the last thing said of it."""
    return (
        rows.filter(pl.col("who").is_not_null())
        .group_by("who", maintain_order=True)
        .agg(
            pl.col("external_id").first(),
            pl.col("email").drop_nulls().last(),
            pl.col("created_at").min(),
            *_last_said(),
        )
        .with_row_index("n")
        .cast({"n": pl.Int64})
    )


def _last_said() -> list[pl.Expr]:
    return [pl.col(name).filter(pl.col(name) != "").last().fill_null("") for name in _TEXTS]


def _assign(people: pl.DataFrame, update: bool) -> pl.DataFrame:
    """Adds `id` of those who exist, `owner` (the n of the one who stands for a new person), and
    `new_email` for those who exist and get the address.
    """
    gets = pl.col("by_id").is_not_null() & pl.col("by_email").is_null() & (pl.col("erased") == 0)
    if not update:
        gets &= pl.col("has_email") == 0
    claims = people.filter(gets & pl.col("email").is_not_null())
    claims = claims.group_by("email").agg(pl.col("by_id").min().alias("claimant"))
    people = people.join(claims, on="email", how="left", maintain_order="left")
    people = people.with_columns(
        id=pl.coalesce("by_id", "by_email", "claimant"),
        new_email=pl.when(pl.col("by_id") == pl.col("claimant")).then("email"),
    )
    owners = people.filter(pl.col("id").is_null() & pl.col("email").is_not_null())
    owners = owners.sort(pl.col("external_id") == "", "external_id", maintain_order=True)
    owners = owners.group_by("email").agg(pl.col("n").first().alias("owner"))
    people = people.join(owners, on="email", how="left", maintain_order="left")
    return people.with_columns(
        owner=pl.when(pl.col("id").is_null()).then(pl.coalesce("owner", "n"))
    )


async def _insert(ctx: Context, people: pl.DataFrame) -> None:
    new = (
        people.filter(pl.col("owner").is_not_null())
        .group_by("id", maintain_order=True)
        .agg(
            pl.col("external_id").filter(pl.col("n") == pl.col("owner")).first(),
            pl.col("email").first(),
            pl.col("created_at").min(),
            *_last_said(),
        )
    )
    if new.height:
        await stage(ctx, "stage_new", new)
        await ctx.db.execute(_INSERT, ctx.tenant.id, ctx.tenant.currency, ctx.now)


async def _update(ctx: Context, people: pl.DataFrame, update: bool) -> frozenset[int]:
    """Writes what is new of those who existed, and the aliases of everybody."""
    extra = people.filter(
        (pl.col("external_id") != "")
        & pl.col("by_id").is_null()
        & (pl.col("owner").is_null() | (pl.col("owner") != pl.col("n")))
    ).sort("external_id")
    # Someone known by e-mail alone gets the first id that is told of them.
    adopted = extra.filter(pl.col("nameless") == 1).unique("id", keep="first", maintain_order=True)
    aliases = extra.join(adopted, on="n", how="anti").select("external_id", "id")
    if aliases.height:
        await stage(ctx, "stage_alias", aliases)
        await ctx.db.execute(_ALIAS, ctx.tenant.id)
    known = (
        people.filter(pl.col("owner").is_null())
        .group_by("id", maintain_order=True)
        .agg(pl.col("new_email").drop_nulls().last(), pl.col("created_at").min(), *_last_said())
        .join(adopted.select("id", adopted="external_id"), on="id", how="left")
        .with_columns(pl.col("adopted").fill_null(""))
    )
    if not known.height:
        return frozenset()
    await stage(ctx, "stage_known", known)
    rule = _NEW_WINS if update else _OLD_WINS
    texts = ", ".join(f"{rule.format(n)} AS {n}" for n in _TEXTS if n not in ("tags", "source"))
    tags = "s.tags <> ''" if update else "c.tags = '{}'"
    sql = _UPDATE.format(texts=texts, tags=tags)
    return frozenset((await query_frame(ctx, {"id": pl.Int64}, sql, ctx.tenant.id))["id"].to_list())


def _statements(rows: pl.DataFrame, people: pl.DataFrame, what: str) -> pl.DataFrame:
    """customer_id, state, source, at: the newest statement about each, undated ones last."""
    said = rows.filter((pl.col(what) != "") & pl.col("who").is_not_null())
    return (
        said.join(people.select("who", "id"), on="who", maintain_order="left")
        .select(
            customer_id="id",
            state=what,
            source="consent_source",
            at=pl.col(f"{what}_at").cast(MOMENT),
        )
        .sort("at", nulls_last=False, maintain_order=True)
        .unique("customer_id", keep="last", maintain_order=True)
    )


def _noticed(people: pl.DataFrame) -> dict[str, int]:
    known = pl.col("by_id").is_not_null() & pl.col("by_email").is_not_null()
    facts = {
        "same_email": (pl.col("external_id") != "")
        & pl.col("by_id").is_null()
        & (pl.col("owner").is_null() | (pl.col("owner") != pl.col("n"))),
        "email_taken": known & (pl.col("by_id") != pl.col("by_email")),
        "erased": pl.col("erased") == 1,
    }
    counts = {name: people.filter(fact).height for name, fact in facts.items()}
    return {name: count for name, count in counts.items() if count}
