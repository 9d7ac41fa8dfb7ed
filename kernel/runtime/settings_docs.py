"""The pages of docs/ that are made from the code, so that they cannot be wrong."""

from __future__ import annotations

import msgspec

from kernel.runtime.safety import SECRET_LENGTH
from kernel.runtime.settings import Settings, setting_fields


def settings_markdown() -> str:
    """The text of docs/settings.md, made from the Struct itself."""
    lines = [
        "# Settings",
        "",
        "Mailwright reads its settings from the environment when it starts. This page is generated",
        "from `kernel/runtime/settings.py` by `make docs`, and a test keeps it true.",
        "",
        "| variable | what it does | accepts | default |",
        "|---|---|---|---|",
    ]
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    for name, _, meta in setting_fields():
        extra = meta.extra or {}
        default = defaults[name]
        if isinstance(default, tuple):
            default = ",".join(default)
        shown = extra["default"] or (f"`{default}`" if default != "" else "empty")
        lines.append(f"| `{extra['env']}` | {meta.description} | {extra['accepts']} | {shown} |")
    lines += [
        "",
        "With `MAILWRIGHT_ENV=production`, Mailwright refuses to start without `DATABASE_URL` and",
        f"`REDIS_URL`, on a secret that is missing, shorter than {SECRET_LENGTH} characters or a sample,",
        "and on a base URL without https. All problems are listed at once.",
        "",
    ]
    return "\n".join(lines)
