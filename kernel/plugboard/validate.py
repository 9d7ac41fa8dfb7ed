"""Is this a plugin? Every problem is a sentence that names the plugin, the hook and the fix."""

from __future__ import annotations

import importlib.util
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kernel.contracts.plugins import API_VERSION, Manifest, NoSettings
from kernel.hookspecs import PROJECT, Policy
from kernel.plugboard.load import Found
from kernel.plugboard.parts import Plugin, describe
from kernel.plugboard.plans import ARGUMENTS, POLICIES

FORBIDDEN = ("tryfirst", "trylast", "wrapper", "hookwrapper", "optionalhook", "specname")
_MARK = f"{PROJECT}_impl"


def look_at(found: Found, mandatory: bool = False) -> tuple[Plugin | None, list[str]]:
    """The plugin in this module (None without a usable manifest), and all that is wrong with it."""
    module, name = found.module, found.name
    manifest = getattr(module, "MANIFEST", None)
    if not isinstance(manifest, Manifest):
        said = "has no MANIFEST" if manifest is None else f"has a {type(manifest).__name__}"
        return None, [
            f"{name}: {module.__name__} {said}; set MANIFEST = Manifest(...) from kernel.sdk"
        ]
    impls = dict(marked(module))
    hooks = tuple(hook for hook in POLICIES if hook in impls)
    plugin = Plugin(
        name=name,
        module=module,
        manifest=manifest,
        hooks=hooks,
        mandatory=mandatory,
        distribution=found.distribution,
    )
    problems = [*_facts(plugin), *_settings(plugin)]
    for hook, function in impls.items():
        problems += _hook(hook, function)
    problems += [
        f"{value} is named like a hook but is not marked @hookimpl"
        for value in POLICIES
        if value not in impls and _own_function(module, value)
    ]
    return plugin, [f"{name}: {problem}" for problem in problems]


def marked(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yields (name, function) for everything in `module` that is marked @hookimpl."""
    for name, value in vars(module).items():
        if isinstance(getattr(value, _MARK, None), dict):
            yield name, value


def _own_function(module: ModuleType, name: str) -> bool:
    value = vars(module).get(name)
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _facts(plugin: Plugin) -> Iterator[str]:
    manifest = plugin.manifest
    try:  # a Struct is not checked when it is made
        plain = {field: getattr(manifest, field) for field in manifest.__struct_fields__}
        msgspec.convert(plain | {"settings": NoSettings}, Manifest)
    except msgspec.ValidationError as error:
        yield f"the manifest is not valid: {error}"
        return
    if manifest.name != plugin.name:
        yield f"the manifest says `{manifest.name}`, its entry point says `{plugin.name}`"
    version = ".".join(map(str, API_VERSION))
    try:
        if not SpecifierSet(manifest.api).contains(version):
            yield f"it works with kernel.sdk {manifest.api}, and this is {version}"
    except InvalidSpecifier:
        yield f"api {manifest.api!r} is no range of versions: write for example `>=1.0,<2`"
    for table in (*manifest.tables, *manifest.encrypted):
        if not table.startswith(f"{plugin.name}_"):
            yield f"its table `{table}` must be named `{plugin.name}_…`"
    if manifest.tables and not manifest.piccolo_app:
        yield "it has tables but names no piccolo_app, whose migrations would make them"
    if manifest.piccolo_app and not _module_exists(manifest.piccolo_app):
        yield f"its piccolo_app {manifest.piccolo_app} does not exist"
    if manifest.personal_data:
        for hook in ("export_customer", "erase_customer"):
            if hook not in plugin.hooks:
                yield f"{hook} is missing, and it stores personal data"


def _module_exists(path: str) -> bool:
    try:
        return importlib.util.find_spec(path) is not None
    except (ImportError, ValueError):
        return False


def _settings(plugin: Plugin) -> Iterator[str]:
    kind: Any = plugin.manifest.settings
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        yield f"settings must be a Struct, not {kind!r}"
        return
    if not kind.__struct_config__.frozen:
        yield f"its settings {kind.__name__} must be frozen: derive it from kernel.sdk.Frozen"
    missing = [field.name for field in msgspec.structs.fields(kind) if field.required]
    for field in missing:
        yield f"its setting `{field}` has no default"
    try:
        msgspec.json.schema(kind)
        if not missing:
            msgspec.convert(msgspec.to_builtins(kind()), kind, strict=False)
    # Types and defaults are the plugin's code: anything may come out of them.
    except Exception as error:  # noqa: BLE001
        yield f"its settings {kind.__name__} cannot be used: {describe(error)}"


def _hook(hook: str, function: Any) -> Iterator[str]:
    options = getattr(function, _MARK)
    for option in FORBIDDEN:
        if options.get(option):
            yield f"{hook}: the option {option} is refused; order is data in the manifest"
    if hook not in POLICIES:
        near = f" named `{options['specname']}`" if options.get("specname") else ""
        yield f"{hook}: there is no such hook{near}; see kernel/hookspecs.py"
        return
    if not inspect.isroutine(function):
        yield f"{hook}: must be a function, not {type(function).__name__}"
        return
    declares = POLICIES[hook] is Policy.DECLARE
    if inspect.iscoroutinefunction(function) == declares:
        yield f"{hook}: must be `{'def' if declares else 'async def'}`"
    allowed = ARGUMENTS[hook]
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            yield f"{hook}: `*{name}` is refused; name the arguments you need"
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            yield f"{hook}: the argument `{name}` must not be positional-only"
        elif name not in allowed:
            known = ", ".join(allowed) or "none"
            yield f"{hook}: unknown argument `{name}`; the hook has {known}"
        elif parameter.default is not parameter.empty:
            yield f"{hook}: the argument `{name}` must have no default: it is always given"


def together(plugins: Sequence[Plugin], mandatory: Sequence[str]) -> Iterator[str]:
    """Yields what is wrong between plugins that are each fine alone."""
    known = {plugin.name: plugin for plugin in plugins}
    for plugin in plugins:
        for other in plugin.manifest.requires:
            if other not in known:
                yield f"{plugin.name}: requires `{other}`, which is not installed"
            elif plugin.mandatory and not known[other].mandatory:
                yield f"{plugin.name}: is mandatory and requires `{other}`, which is not"
    kinds = Counter(plugin.manifest.settings for plugin in plugins)
    for kind, times in kinds.items():
        if times > 1 and kind is not NoSettings:
            owners = ", ".join(p.name for p in plugins if p.manifest.settings is kind)
            yield f"{owners}: declare the same settings {kind.__name__}; each needs its own"
    owners_of = Counter(table for plugin in plugins for table in set(plugin.manifest.tables))
    for table, times in owners_of.items():
        if times > 1:
            owners = ", ".join(p.name for p in plugins if table in p.manifest.tables)
            yield f"{owners}: all own the table `{table}`"
    for name in mandatory:
        if name not in known:
            yield (
                f"{name}: is mandatory (MAILWRIGHT_MANDATORY_PLUGINS) but is not installed or "
                "does not load"
            )
