"""The hooks of the sandbox plugin."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kernel.sdk import (
    Context,
    Erased,
    Export,
    MessagesAccepted,
    Panel,
    Subscription,
    hookimpl,
)
from plugins.sandbox import mail, panels, repo
from plugins.sandbox.commands import demo, sandbox
from plugins.sandbox.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "commands",
    "erase_customer",
    "export_customer",
    "subscriptions",
]


@hookimpl
def commands() -> Sequence[click.Command]:
    """`mailwright demo` and `mailwright sandbox`."""
    return (demo, sandbox)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """The pretend customers get their mail."""
    return (Subscription(name="mail", event=MessagesAccepted, handle=mail.accepted),)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """The last days in the pretend shop."""
    return (panels.WORLD,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """What befell a customer in the pretend world."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Nothing more happens to the customer."""
    return await repo.erase(ctx, customer_id)
