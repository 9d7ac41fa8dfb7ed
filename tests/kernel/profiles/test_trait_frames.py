"""Traits of everyone written from a frame: only what changed, nobody else's, in every type."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from kernel.contracts.errors import InvalidInput
from kernel.profiles import traits
from kernel.profiles.traits import traits_of, write_trait_frame
from kernel.tenancy.scope import TenantScope
from kernel.testing.seed import add_customers

AT = datetime(2026, 7, 1, 8, tzinfo=UTC)


def frame(ids: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": ids,
            "rfm.score": [0.5, 2.0, None],
            "rfm.rank": [1, 2, 3],
            "rfm.segment": ['At "Risk"', "Lost, é\n", None],
            "rfm.reasons": [["a, b", "c"], [], None],
            "rfm.at": [AT, None, AT],
            "rfm.big": [True, False, True],
            "rfm.pick": [{"sku": "A", "n": 1}, None, None],
        },
        schema_overrides={"rfm.at": pl.Datetime("us", "UTC")},
    )


async def test_every_type_and_only_what_changed(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 3)
    scores = frame(ids)
    names = scores.columns[1:]
    assert await write_trait_frame(alpha, "rfm", "1", scores, names) == 15
    found = await traits_of(alpha, ids)
    assert found[ids[0]] == {
        "rfm.score": 0.5,
        "rfm.rank": 1,
        "rfm.segment": 'At "Risk"',
        "rfm.reasons": ["a, b", "c"],
        "rfm.at": "2026-07-01T08:00:00Z",
        "rfm.big": True,
        "rfm.pick": {"sku": "A", "n": 1},
    }
    assert found[ids[1]]["rfm.segment"] == "Lost, é\n" and found[ids[1]]["rfm.reasons"] == []
    assert set(found[ids[2]]) == {"rfm.rank", "rfm.at", "rfm.big"}

    assert await write_trait_frame(alpha, "rfm", "2", scores, names) == 0
    versions = await alpha.db.fetch("SELECT DISTINCT version FROM profiles_trait")
    assert [row["version"] for row in versions] == ["1"]  # untouched rows tell since when

    changed = scores.with_columns(pl.Series("rfm.rank", [1, 9, 3]), pl.lit(None).alias("rfm.score"))
    assert await write_trait_frame(alpha, "rfm", "2", changed, names) == 3
    found = await traits_of(alpha, ids)
    assert found[ids[1]]["rfm.rank"] == 9 and "rfm.score" not in found[ids[0]]


async def test_somebody_else_wrote_them_in_the_meantime(
    alpha: TenantScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await add_customers(alpha, 3)
    scores = frame(ids).select("customer_id", "rfm.rank")
    await write_trait_frame(alpha, "rfm", "1", scores, ["rfm.rank"])

    async def nothing(*_: object) -> dict[str, pl.DataFrame]:
        return {"rfm.rank": pl.DataFrame(schema={"customer_id": pl.Int64, "value": pl.String})}

    monkeypatch.setattr(traits, "_standing", nothing)
    changed = scores.with_columns(pl.Series("rfm.rank", [1, 9, 3]))
    assert await write_trait_frame(alpha, "rfm", "2", changed, ["rfm.rank"]) == 1
    assert (await traits_of(alpha, ids))[ids[1]] == {"rfm.rank": 9}


async def test_whole_or_some(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 3)
    scores = frame(ids).select("customer_id", "rfm.rank")
    await write_trait_frame(alpha, "rfm", "1", scores, ["rfm.rank"])
    assert await write_trait_frame(alpha, "rfm", "1", scores.head(1)) == 0
    assert set(await traits_of(alpha, ids)) == set(ids)
    gone = scores.head(1).with_columns(pl.lit(None, pl.Int64).alias("rfm.rank"))
    assert await write_trait_frame(alpha, "rfm", "1", gone) == 1
    assert set(await traits_of(alpha, ids)) == set(ids[1:])
    assert await write_trait_frame(alpha, "rfm", "1", scores.head(1), ["rfm.rank"]) == 3
    assert set(await traits_of(alpha, ids)) == set(ids[:1])


async def test_numbers_that_are_none_and_strangers(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 2)
    odd = pl.DataFrame({"customer_id": ids, "rfm.score": [float("nan"), float("inf")]})
    assert await write_trait_frame(alpha, "rfm", "1", odd) == 0
    with pytest.raises(InvalidInput, match=r"may not write churn\.p"):
        await write_trait_frame(alpha, "rfm", "1", odd.rename({"rfm.score": "churn.p"}))
    with pytest.raises(InvalidInput, match=r"may not write churn\.p"):
        await write_trait_frame(alpha, "rfm", "1", odd, ["churn.p"])
    late = frame([*ids, ids[0] + 10**6]).select("customer_id", "rfm.rank")
    assert await write_trait_frame(alpha, "rfm", "1", late) == 2
