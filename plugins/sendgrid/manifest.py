"""Facts about the sendgrid plugin, and what a merchant may choose."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class SendGridSettings(Frozen):
    """How mail is handed to SendGrid. The key stands in `SENDGRID_API_KEY_<TENANT>`, else
    `SENDGRID_API_KEY`; it is never stored.
    """

    region: Annotated[
        Literal["global", "eu"],
        Meta(description="Where SendGrid keeps the mails: eu for subusers of its European region."),
    ] = "global"
    subuser: Annotated[
        str,
        Meta(
            max_length=100,
            description="The SendGrid subuser of this shop: its reputation, statistics and suppressions "
            "are its own. Only with a key of the shop's own; in a shared account, who runs Mailwright "
            "names it. Empty: the account that the key belongs to.",
        ),
    ] = ""
    group_size: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="How many recipients of large campaigns share one request. An answer that gets "
            "lost leaves all of them unknown, and they are never written to again on a guess. "
            "1: everybody has a request of their own.",
        ),
    ] = 100
    sandbox: Annotated[
        bool,
        Meta(description="SendGrid checks each mail and sends none. For trying things out."),
    ] = False
    keep_days: Annotated[
        int,
        Meta(ge=1, le=730, description="Days after which SendGrid's raw events are removed."),
    ] = 90
    webhook_key: Annotated[
        str,
        Meta(
            max_length=600,
            description="The verification key of SendGrid's signed event webhook, as SendGrid shows it. "
            "It is a public key. Without it no event is believed, and none is taken.",
        ),
    ] = ""


MANIFEST = Manifest(
    name="sendgrid",
    version="1.0.0",
    title="SendGrid",
    summary="Sends mail by SendGrid, one recipient a request or many, and follows what comes of it.",
    kind="channel",
    settings=SendGridSettings,
    tables=(
        "sendgrid_event",
        "sendgrid_post",
        "sendgrid_count",
        "sendgrid_erasure",
        "sendgrid_import",
    ),
    encrypted={"sendgrid_erasure.sealed": "sendgrid/erasure"},
    piccolo_app="plugins.sendgrid.piccolo_app",
    personal_data=True,
    pages=(AdminPage(title="SendGrid events", path="events", group="delivery"),),
    docs="plugins/sendgrid/README.md",
)
