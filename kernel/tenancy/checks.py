"""Every fault of a piece of configuration at once, each with its place and what would be right.

msgspec stops at the first fault; a person who edits a file or a form wants to see them all.
"""

from __future__ import annotations

import difflib
import importlib.resources
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from kernel.contracts.base import Frozen

# ISO 4217: money that shops take; no metals, funds or test codes.
_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
    KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
    NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED
    VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"""
CURRENCIES = frozenset(_CODES.split())

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
_PLACE = re.compile(r" - at `(?:key in )?\$(.*?)`$")


class Fault(Frozen):
    """One thing that is wrong: where (`sender.email`), what, and what to do about it."""

    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"`{self.path}` {self.message.rstrip('.')}. {self.fix}".rstrip()


@cache
def countries() -> frozenset[str]:
    """The two-letter codes of ISO 3166, as the time zone database lists them."""
    table = importlib.resources.files("tzdata.zoneinfo").joinpath("iso3166.tab")
    lines = table.read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] for line in lines if line[:1] != "#")


@cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zone database that name a place, and UTC."""
    names = zoneinfo.available_timezones()
    return frozenset(n for n in names if "/" in n and not n.startswith("Etc/")) | {"UTC"}


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """The question "Did you mean `x`?" for the nearest of `known`, else `otherwise`."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean `{by_lower[near[0]]}`?" if near else otherwise


def check_struct(
    kind: type[msgspec.Struct], raw: Any, *, at: str = "", strict: bool = False
) -> list[Fault]:
    """Every fault of `raw` as a value of `kind`, field by field; empty when it converts.

    Args:
        kind: the Struct that forbids unknown fields.
        raw: plain data, from TOML, JSON or a form.
        at: the path of `raw` itself, put before each fault's.
        strict: False takes "5" for 5, as forms and databases write it.
    """
    if not isinstance(raw, Mapping):
        return [Fault(path=at or "settings", message="must be a table of settings")]
    prefix = f"{at}." if at else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    known = ", ".join(fields) or "none"
    faults = [
        Fault(
            path=f"{prefix}{name}",
            message="is not known here",
            fix=did_you_mean(str(name), fields, otherwise=f"Possible: {known}."),
        )
        for name in raw
        if name not in fields
    ]
    for name, field in fields.items():
        if name in raw:
            faults += _check_value(field.type, raw[name], f"{prefix}{name}", strict)
        elif field.required:
            faults.append(Fault(path=f"{prefix}{name}", message="is missing", fix="Add it."))
    if not faults:
        # What only the whole can tell, such as one field against another.
        try:
            msgspec.convert(raw, kind, strict=strict)
        except msgspec.ValidationError as error:
            faults.append(Fault(path=at or "settings", message=_plain(str(error))))
    return faults


def _check_value(kind: Any, value: Any, path: str, strict: bool) -> list[Fault]:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct) and isinstance(value, Mapping):
        return check_struct(bare, value, at=path, strict=strict)
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        inner = _PLACE.search(str(error))
        path += inner[1] if inner else ""
        described = _described(kind)
        if described and "matching regex" in str(error):
            return [Fault(path=path, message=f"must be {described}")]
        if get_origin(bare) is Literal:
            possible = [str(choice) for choice in get_args(bare)]
            fix = did_you_mean(str(value), possible, otherwise=f"Possible: {', '.join(possible)}.")
            return [Fault(path=path, message=f"cannot be {value!r}", fix=fix)]
        return [Fault(path=path, message=_plain(str(error)))]
    return []


def _described(kind: Any) -> str:
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((m.description for m in metas if getattr(m, "description", None)), "") or ""


def _plain(error: str) -> str:
    """A sentence of msgspec's in words, to follow the name of a field."""
    said = _PLACE.sub("", error).replace("Expected ", "must be ")
    return re.sub(r"`(\w+)`", lambda found: _WORDS.get(found[1], found[1]), said)
