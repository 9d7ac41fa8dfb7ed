"""Facts about the smtp plugin, and what a merchant may choose."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import Frozen, Manifest

SELECTOR = r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?$"


class SmtpSettings(Frozen):
    """Which mail server, and how. The password stands in `SMTP_PASSWORD_<TENANT>`, else
    `SMTP_PASSWORD`, the keys that sign in `SMTP_DKIM_KEY_<TENANT>` and
    `SMTP_DKIM_ED25519_KEY_<TENANT>`; none of them is ever stored.
    """

    host: Annotated[
        str,
        Meta(
            max_length=253,
            pattern=r"^([A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?)?$",
            description="The mail server. Only beside a password of the shop's own; otherwise who runs "
            "Mailwright names the server. Empty: the server named there.",
        ),
    ] = ""
    port: Annotated[
        int,
        Meta(ge=1, le=65535, description="Its port: 587 as a rule, 465 with encryption `tls`."),
    ] = 587
    user: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^[ -~]*$",
            description="Who signs in there. Empty: nobody, the server knows us by our address.",
        ),
    ] = ""
    encryption: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(
            description="starttls: begins in the clear, and nothing goes out before it is encrypted. tls: "
            "encrypted from the first byte. none: only to a server next door, and never with a password."
        ),
    ] = "starttls"
    envelope_sender: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^([a-z0-9][a-z0-9._-]{0,14}@[a-z0-9-]+(\.[a-z0-9-]+)+)?$",
            description="Where mail that cannot be delivered comes back to, such as bounce@shop.example; "
            "each mail goes out as bounce+<mark>@shop.example, so the mailbox must take any +mark. Empty: "
            "it comes back to the sender's address, without a mark.",
        ),
    ] = ""
    connections: Annotated[
        int,
        Meta(ge=1, le=50, description="How many mails are handed over side by side."),
    ] = 4
    dkim_selector: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=SELECTOR,
            description="The name of the DKIM key: its public half stands in the DNS at "
            "<selector>._domainkey.<domain of the sender>. Empty: the mail server signs.",
        ),
    ] = ""
    dkim_selector_ed25519: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=SELECTOR,
            description="The name of a second key, for Ed25519, which signs beside the first. Empty: none.",
        ),
    ] = ""


MANIFEST = Manifest(
    name="smtp",
    version="1.0.0",
    title="SMTP",
    summary="Hands mail to a mail server of your own, signed with DKIM.",
    kind="channel",
    settings=SmtpSettings,
    docs="plugins/smtp/README.md",
)
