"""Facts about the deliverability plugin, and what a merchant may choose."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest

Host = Annotated[str, Meta(max_length=253, pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+)?$")]
Selector = Annotated[str, Meta(max_length=63, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
Percent = Annotated[float, Meta(gt=0, le=100)]


class DeliverabilitySettings(Frozen):
    """Where the records of the sender stand, and what stops mail to a mailbox provider."""

    require_authentication: Annotated[
        bool,
        Meta(
            description="Nothing leaves while the domain of the sender has neither SPF nor DKIM, or no "
            "DMARC record: mailbox providers would refuse it, and remember."
        ),
    ] = True
    selectors: Annotated[
        tuple[Selector, ...],
        Meta(
            min_length=1, max_length=5, description="The DKIM selectors; those of SendGrid: s1, s2."
        ),
    ] = ("s1", "s2")
    dkim_domain: Annotated[
        Host, Meta(description="The domain that signs. Empty: the domain of the sender's address.")
    ] = ""
    dkim_host: Annotated[
        Host,
        Meta(
            description="Where the selectors point to, as SendGrid shows it after `s1.domainkey.`, such "
            "as u1234567.wl012.sendgrid.net. Empty: the page says to copy it from there."
        ),
    ] = ""
    return_path: Annotated[
        Host,
        Meta(
            description="The host that bounces go to, such as em123.shop.example: SPF is asked there. "
            "Empty: the domain of the sender's address."
        ),
    ] = ""
    spf_include: Annotated[Host, Meta(description="What the SPF record must include.")] = (
        "sendgrid.net"
    )
    complaints_warn: Annotated[
        Percent,
        Meta(description="Complaints of a mailbox provider's mails, in percent, that warn."),
    ] = 0.1
    complaints_stop: Annotated[
        Percent, Meta(description="Complaints, in percent, that pause mail to that provider.")
    ] = 0.25
    bounces_warn: Annotated[Percent, Meta(description="Hard bounces, in percent, that warn.")] = 2.0
    bounces_stop: Annotated[
        Percent, Meta(description="Hard bounces, in percent, that pause mail to that provider.")
    ] = 5.0
    fewest_mails: Annotated[
        int,
        Meta(ge=1, description="With fewer mails accepted in seven days, a rate says nothing."),
    ] = 100
    fewest_events: Annotated[
        int, Meta(ge=1, description="Fewer bounces or complaints than this say nothing either.")
    ] = 3


MANIFEST = Manifest(
    name="deliverability",
    version="1.0.0",
    title="Deliverability",
    summary="Checks the sender's records in the DNS, and pauses mail where a mailbox provider objects.",
    kind="gate",
    # Before cadence: what cannot arrive need not count against anybody's cap.
    order=70,
    settings=DeliverabilitySettings,
    tables=("deliverability_check", "deliverability_run", "deliverability_pause"),
    piccolo_app="plugins.deliverability.piccolo_app",
    pages=(AdminPage(title="Deliverability", group="delivery"),),
    docs="plugins/deliverability/README.md",
)
