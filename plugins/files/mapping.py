"""Which column of a file is which canonical one, and how its cells are written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import polars as pl

from kernel.sdk import Frozen, InvalidInput
from plugins.files.reading import Table

ORDERS = (
    "order_id", "ordered_at", "customer_id", "email", "name", "first_name", "last_name", "country",
    "sku", "title", "quantity", "unit_price", "amount", "refunded", "currency", "kind", "status",
    "test", "is_product",
)  # fmt: skip
CUSTOMERS = (
    "customer_id", "email", "name", "first_name", "last_name", "country", "timezone", "locale",
    "tags", "consent", "consent_at", "consent_source", "created_at", "accepts_tracking",
    "tracking_at",
)  # fmt: skip
PRODUCTS = (
    "sku", "product_id", "title", "vendor", "product_type", "tags", "price", "cost", "currency",
    "status", "inventory", "image_url", "url", "is_product",
)  # fmt: skip
CANONICAL = {"orders": ORDERS, "customers": CUSTOMERS, "products": PRODUCTS}

# Each group needs one of its alternatives, and an alternative all of its columns.
REQUIRED: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "orders": ((("order_id",),), (("ordered_at",),), (("quantity", "unit_price"), ("amount",))),
    "customers": ((("customer_id",), ("email",)),),
    "products": ((("sku",),),),
}
_SLOT = re.compile(r"\{([^{}]+)\}")


class Mapping(Frozen):
    """A mapping file (TOML), or a preset; see docs/import.md."""

    columns: dict[str, str | list[str]] = msgspec.field(default_factory=dict)
    """Canonical name -> the file's name, several names to try, or a template: `{a}-{b}`."""
    constants: dict[str, str] = msgspec.field(default_factory=dict)
    """Canonical name -> the value of every row."""
    date_formats: tuple[str, ...] = ()
    """strptime formats of dates that are not ISO 8601."""
    timezone: str = ""
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?$")] = ""
    decimal: Annotated[str, msgspec.Meta(pattern=r"^[.,]$")] = "."
    email_template: str = ""
    not_products: tuple[str, ...] = ()
    """SKUs of lines that are postage, discounts and the like; `*` at the end stands for anything."""
    country_names: dict[str, str] = msgspec.field(default_factory=dict)
    """Name in the file -> ISO 3166 code."""


def load_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file.

    Raises:
        InvalidInput: it cannot be read, or has a key or value that does not exist.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Mapping)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The mapping {path} cannot be read: {error}.", "Give a TOML file."
        ) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"The mapping {path.name} is not valid: {error}.", "docs/import.md shows one."
        ) from error


def merge(preset: Mapping, own: Mapping) -> Mapping:
    """`preset` with what `own` says instead."""
    changes = {
        name: getattr(own, name)
        for name in Mapping.__struct_fields__
        if getattr(own, name) != getattr(Mapping(), name)
    }
    for name in ("columns", "constants", "country_names"):
        changes[name] = getattr(preset, name) | getattr(own, name)
    return msgspec.structs.replace(preset, **changes)


class Chosen(Frozen):
    """What was found: canonical name -> the file's column or template; and columns nobody asked for."""

    used: dict[str, str]
    ignored: tuple[str, ...]


def choose(kind: str, table: Table, mapping: Mapping) -> tuple[pl.DataFrame, Chosen]:
    """The rows under canonical names (`row` is kept), and which column became which.

    Raises:
        InvalidInput: a required column is missing, or the mapping names one that the file lacks.
    """
    canonical = CANONICAL[kind]
    _known(kind, mapping)
    by_name = {_plain(name): name for name in reversed(table.columns)}
    named = {by_name[_plain(n)] for n in _names(mapping) if _plain(n) in by_name}
    used: dict[str, str] = {}
    columns: list[pl.Expr] = []
    consumed: set[str] = set()
    # A preset may ask for more, which it makes canonical columns of; such names begin with `_`.
    private = tuple(name for name in mapping.columns if name.startswith("_"))
    for name in canonical + private:
        asked = mapping.columns.get(name)
        if name in mapping.constants and asked is None:
            used[name] = f"= {mapping.constants[name]}"
            columns.append(pl.lit(mapping.constants[name]).alias(name))
            continue
        if isinstance(asked, str) and _SLOT.search(asked):
            slots = [_required(slot, by_name, table, asked) for slot in _SLOT.findall(asked)]
            used[name] = asked
            consumed.update(slots)
            parts = [pl.col(slot).cast(pl.String).str.strip_chars() for slot in slots]
            columns.append(pl.format(_SLOT.sub("{}", asked), *parts).alias(name))
            continue
        several = asked if isinstance(asked, list) else [asked] if asked else []
        if isinstance(asked, str):
            _required(asked, by_name, table, asked)
        found = next((by_name[_plain(n)] for n in several or [name] if _plain(n) in by_name), None)
        # A column that the mapping gives to one canonical name is not also another by accident.
        if found is not None and (several or found not in named):
            used[name] = found
            consumed.add(found)
            columns.append(pl.col(found).alias(name))
    _complete(kind, used, table)
    ignored = tuple(name for name in table.columns if name not in consumed)
    return table.rows.select("row", *columns), Chosen(used=used, ignored=ignored)


def _names(mapping: Mapping) -> list[str]:
    """Every name of a file's column that the mapping mentions."""
    names: list[str] = []
    for asked in mapping.columns.values():
        several = [asked] if isinstance(asked, str) else asked
        names += [slot for one in several for slot in _SLOT.findall(one) or [one]]
    return names


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _known(kind: str, mapping: Mapping) -> None:
    asked = {n for n in mapping.columns if not n.startswith("_")} | mapping.constants.keys()
    unknown = sorted(asked - set(CANONICAL[kind]))
    if unknown:
        raise InvalidInput(
            f"There is no canonical column {', '.join(unknown)} for {kind}.",
            f"They are {', '.join(CANONICAL[kind])}.",
        )


def _required(name: str, by_name: dict[str, str], table: Table, asked: str) -> str:
    if _plain(name) not in by_name:
        raise InvalidInput(
            f"The mapping asks for the column `{name}` (in `{asked}`), which the file does not have.",
            f"It has {_listed(table)}.",
        )
    return by_name[_plain(name)]


def _complete(kind: str, used: dict[str, str], table: Table) -> None:
    missing = [
        " or ".join(" and ".join(f"`{n}`" for n in way) for way in ways)
        for ways in REQUIRED[kind]
        if not any(all(n in used for n in way) for way in ways)
    ]
    if not missing:
        return
    hint = ""
    if not used and any(re.search(r"\d|@", name) for name in table.columns):
        hint = " The first row looks like data: add a row with the names of the columns."
    raise InvalidInput(
        f"The file has no column for {', and none for '.join(missing)}.{hint}",
        f"It has {_listed(table)}. Name them in a mapping file, e.g. "
        f'[columns] {_first(missing)} = "{table.columns[0]}", and add '
        "--mapping FILE.toml; or choose a --preset. docs/import.md tells more.",
    )


def _first(missing: list[str]) -> str:
    return missing[0].split("`")[1]


def _listed(table: Table, most: int = 30) -> str:
    more = f" and {len(table.columns) - most} more" if len(table.columns) > most else ""
    return ", ".join(f"`{name[:60]}`" for name in table.columns[:most]) + more
