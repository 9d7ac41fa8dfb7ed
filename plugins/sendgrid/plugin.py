"""The hooks of the sendgrid plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Channel, Context, Erased, Export, Job, hookimpl
from plugins.sendgrid import erasing, imports
from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.manifest import MANIFEST

__all__ = ["MANIFEST", "channels", "erase_customer", "export_customer", "jobs"]


@hookimpl
def channels() -> Sequence[Channel]:
    """`sendgrid`."""
    return (SENDGRID,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Who was erased here is erased there; who left there is let alone here."""
    return (
        Job(name="erase", run=erasing.erase, every=600.0, transaction=False),
        Job(
            name="suppressions",
            run=imports.suppressions,
            daily_at="04:30",
            long=True,
            transaction=False,
        ),
    )


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """Nothing that can be read: an address that waits to be erased at SendGrid is encrypted."""
    return Export(rows={"sendgrid_erasure": []})


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Has SendGrid erase the customer too."""
    return Erased(rows=await erasing.queue(ctx, customer_id))
