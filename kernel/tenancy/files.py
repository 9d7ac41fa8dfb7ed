"""Resellers and tenants as committed files: read, checked as a whole, never half believed.

tenants/<reseller>/reseller.toml
tenants/<reseller>/<tenant>/tenant.toml
and the templates beside them (kernel/tenancy/templates.py)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidConfig
from kernel.contracts.tenancy import Autonomy, Brand, Sender, Sending
from kernel.tenancy import checks, templates
from kernel.tenancy.checks import Fault, check_struct, did_you_mean
from kernel.tenancy.templates import Override
from kernel.tenancy.toml import Problem, TomlFile

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

_OURS = """
    admin all api app assets auth brand console docs health kernel login logout mailwright none
    public reseller resellers static system t templates tenant tenants www x"""
RESERVED = frozenset(_OURS.split())
"""Names that addresses, commands or folders of ours use, so that no shop may have them."""

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}")
_ASSETS = {"brand", "templates"}
_SECRET_KEY = re.compile(r"(?i)secret|token|api_?key|password|passwd|private_?key|credential")
_SECRET_VALUE = re.compile(
    r"sk-[\w-]{16,}|SG\.[\w-]{16,}|shp(at|ss|ca|pa)_[0-9a-fA-F]{16,}|AKIA[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
)
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,}")

Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=70, pattern=r"^[^\r\n<>]+$", description="one line without < and >"
    ),
]


class ResellerFile(Frozen):
    """What `reseller.toml` says."""

    name: Name
    brand: Brand = Brand()


class TenantFile(Frozen):
    """What `tenant.toml` says. A table `[plugins.<name>]` enables the plugin with these settings."""

    name: Name
    timezone: str
    currency: str
    country: str
    sender: Sender
    postal_address: Annotated[
        str,
        msgspec.Meta(
            min_length=10,
            max_length=300,
            description="the shop's full postal address, 10 to 300 characters",
        ),
    ]
    brand: Brand = Brand()
    autonomy: Autonomy = "manual"
    holdout_percent: Annotated[float, msgspec.Meta(ge=0, le=50)] = 5.0
    sending: Sending = Sending()
    plugins: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class Shop(Frozen):
    """A tenant's file and where it stands."""

    reseller_id: str
    file: TenantFile
    templates: dict[str, Override] = msgspec.field(default_factory=dict)
    """Name -> its own template, or its reseller's."""


class Configuration(Frozen):
    """All files of the folder, valid: ids -> what they say."""

    resellers: dict[str, ResellerFile]
    tenants: dict[str, Shop]


class Hosts(Frozen):
    """Names that a shop cannot have for its links, whatever the files say."""

    own: str = ""
    """Of this installation."""
    tenants: dict[str, str] = msgspec.field(default_factory=dict)
    """Host -> the tenant that has it in the database."""


def load(
    folder: Path,
    board: Plugboard,
    check: templates.Check = templates.unchecked,
    taken: Hosts = Hosts(),  # noqa: B008 - frozen
) -> Configuration:
    """Every reseller and tenant under `folder`, all of it valid.

    Args:
        folder: `tenants/`.
        board: whose plugins and settings there are.
        check: says what is wrong with templates.
        taken: hosts that are in use.

    Raises:
        InvalidConfig: every problem of every file, each with file, line and fix.
    """
    found, problems = read(folder, board, check, taken)
    if problems:
        raise InvalidConfig(
            f"The files under {folder} are not valid; nothing was changed.",
            "Correct them and run `mailwright tenants plan` again. docs/tenants.md describes each field.",
            tuple(str(problem) for problem in problems),
        )
    return found


def read(
    folder: Path,
    board: Plugboard,
    check: templates.Check = templates.unchecked,
    taken: Hosts = Hosts(),  # noqa: B008 - frozen
) -> tuple[Configuration, list[Problem]]:
    """What is valid under `folder`, and what is not."""
    if not folder.is_dir():
        text = "there is no such folder. Make it, or set MAILWRIGHT_TENANTS_DIR."
        return Configuration(resellers={}, tenants={}), [
            Problem(file=str(folder), line=None, message=text)
        ]
    resellers: dict[str, ResellerFile] = {}
    tenants: dict[str, Shop] = {}
    homes: dict[str, str] = {}
    listed = {shop.name for home in _folders(folder) for shop in _folders(home)}
    # What another shop of the files has in the database, its file may give away.
    hosts = {host: tenant for host, tenant in taken.tenants.items() if tenant not in listed}
    problems: list[Problem] = []
    for home in _folders(folder):
        path = home / "reseller.toml"
        problems += _check_name(path, home.name, folder)
        raw = TomlFile(path, folder)
        faults = raw.faults or check_struct(ResellerFile, raw.data, strict=True)
        problems += raw.problems([*faults, *_secrets(raw.data)])
        if not faults:
            resellers[home.name] = msgspec.convert(raw.data, ResellerFile)
        shared, unread = templates.read_folder(home / "templates", folder, board)
        problems += [*unread, *templates.faults(board, check, shared)]
        for shop in _folders(home):
            if shop.name in _ASSETS:
                continue
            path = shop / "tenant.toml"
            problems += _check_name(path, shop.name, folder)
            raw = TomlFile(path, folder)
            faults = raw.faults or _tenant_faults(raw.data, board)
            if shop.name in homes:
                text = (
                    f"`{shop.name}` is already a tenant of {homes[shop.name]}. Rename the folder: "
                )
                text += "the name is the tenant's id and must be unique among all resellers."
                problems.append(Problem(file=raw.name, line=None, message=text))
            homes.setdefault(shop.name, home.name)
            problems += raw.problems([*faults, *_secrets(raw.data)])
            own, unread = templates.read_folder(shop / "templates", folder, board)
            problems += unread
            if own:  # with the reseller's, since a type's sections stand in whichever base there is
                told = templates.faults(board, check, shared | own)
                problems += [one for one in told if one not in problems]
            if not faults:
                file = msgspec.convert(raw.data, TenantFile)
                tenants[shop.name] = Shop(reseller_id=home.name, file=file, templates=shared | own)
                problems += raw.problems(_host_faults(file.sender, shop.name, hosts, taken.own))
    return Configuration(resellers=resellers, tenants=tenants), problems


def _host_faults(sender: Sender, tenant: str, hosts: dict[str, str], own: str) -> list[Fault]:
    """What is wrong with the host for links; it joins `hosts`."""
    host, domain = sender.link_host, sender.email.rpartition("@")[2]
    free = "links" if host == f"mail.{domain}" else "mail"
    fix = f"Name one that only this shop has, such as `{free}.{domain}`, and point it here."
    if not host:
        return []
    if host == own:
        text = f"`{host}` is the address of this installation itself (MAILWRIGHT_BASE_URL)"
    elif (other := hosts.setdefault(host, tenant)) != tenant:
        text = f"`{host}` is already the host of `{other}`"
    else:
        return []
    return [Fault(path="sender.link_host", message=text, fix=fix)]


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._")


def _check_name(path: Path, name: str, root: Path) -> Iterator[Problem]:
    text = ""
    if not _SLUG.fullmatch(name):
        text = "must be 2 to 40 lower-case letters, digits or dashes, beginning with a letter"
    elif name in RESERVED:
        text = "is a name Mailwright uses itself"
    if text:
        file = str(path.relative_to(root.parent))
        yield Problem(
            file=file, line=None, message=f"the folder's name `{name}` {text}. Rename it."
        )


def _tenant_faults(raw: dict[str, Any], board: Plugboard) -> list[Fault]:
    faults = check_struct(TenantFile, raw, strict=True)
    for field, known, example in (
        ("timezone", checks.time_zones(), "an IANA name such as Europe/Berlin"),
        ("currency", checks.CURRENCIES, "an ISO 4217 code such as EUR"),
        ("country", checks.countries(), "an ISO 3166 code of two letters such as DE"),
    ):
        value = raw.get(field)
        if isinstance(value, str) and value not in known:
            fix = did_you_mean(value, known) if field == "timezone" else ""
            upper = f"Did you mean `{value.upper()}`?" if value.upper() in known else fix
            faults.append(Fault(path=field, message=f"must be {example}, not `{value}`", fix=upper))
    plugins = raw.get("plugins")
    if isinstance(plugins, Mapping):
        faults = [fault for fault in faults if not fault.path.startswith("plugins[")]
        faults += _plugin_faults(plugins, board)  # says the same by name
    return faults


def _plugin_faults(plugins: Mapping[str, Any], board: Plugboard) -> list[Fault]:
    faults = []
    for name, settings in plugins.items():
        at = f"plugins.{name}"
        if name not in board.plugins:
            installed = f"Installed: {', '.join(sorted(board.plugins))}."
            fix = did_you_mean(name, board.plugins, otherwise=installed)
            faults.append(Fault(path=at, message="is not an installed plugin", fix=fix))
        else:
            kind = board.plugins[name].manifest.settings
            faults += check_struct(kind, settings, at=at, strict=True)
    for name, missing in board.missing_requirements(plugins.keys()):
        fix = f"Add `[plugins.{missing}]`, or remove `[plugins.{name}]`."
        faults.append(
            Fault(path=f"plugins.{name}", message=f"needs the plugin `{missing}`", fix=fix)
        )
    return faults


def _secrets(raw: Any, at: str = "") -> Iterator[Fault]:
    """Literal secrets: files are committed, so they may only name environment variables."""
    for key, value in raw.items() if isinstance(raw, Mapping) else ():
        path = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            yield from _secrets(value, path)
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or not text or _ENV_NAME.fullmatch(text):
                continue
            if _SECRET_KEY.search(key) or _SECRET_VALUE.search(text):
                fix = "Put it into an environment variable and write the variable's name here."
                yield Fault(
                    path=path, message="looks like a secret, and files are committed", fix=fix
                )
