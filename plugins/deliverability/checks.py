"""All that is asked about a sender, each with what was found and the exact record to add."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from kernel.sdk import Frozen, mailbox_of, public_url
from plugins.deliverability import records, spf
from plugins.deliverability.manifest import DeliverabilitySettings
from plugins.deliverability.resolver import Answer, Resolver

if TYPE_CHECKING:
    from kernel.sdk import Context

State = Literal["ok", "warn", "bad", "unknown"]
SILENT = "The DNS did not answer. It is asked again within the hour; nothing is taken for wrong."
REPORTS = "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
ASK_PROVIDER = "as your mail provider shows it under Sender Authentication"


class Wanted(Frozen):
    """A record to be added at the DNS provider of the domain."""

    type: str
    name: str
    value: str
    exact: bool = True
    """False: `value` says where to find it."""


class Check(Frozen):
    """What one question came to."""

    what: str
    subject: str
    """The domain that it is about."""
    state: State
    words: str
    found: str = ""
    wanted: tuple[Wanted, ...] = ()


class Asked(Frozen):
    """Which domains a sender's mail shows to receivers."""

    sender: str
    dkim: str
    bounces: str
    replies: str
    links: str
    ours: str
    """The host of this installation."""


def asked(ctx: Context) -> Asked:
    """The domains, from the tenant's sender and the settings."""
    settings, sender = ctx.settings(DeliverabilitySettings), ctx.tenant.sender
    own = _domain(sender.email)
    return Asked(
        sender=own,
        dkim=settings.dkim_domain.lower() or own,
        bounces=settings.return_path.lower() or own,
        replies=_domain(sender.reply_to or sender.email),
        links=sender.link_host,
        ours=urlsplit(public_url(ctx, "deliverability", "")).hostname or "",
    )


async def run(settings: DeliverabilitySettings, about: Asked) -> list[Check]:
    """Every check, in the order of the page. What the DNS does not answer is `unknown`."""
    resolver = Resolver()
    keys = [dkim(resolver, settings, about.dkim, one) for one in settings.selectors]
    (sends, (dmarc, policy), mx, link), found = await asyncio.gather(
        asyncio.gather(
            sender_policy(resolver, settings, about.bounces),
            dmarc_of(resolver, about.sender),
            replies(resolver, about.replies),
            links(resolver, about),
        ),
        asyncio.gather(*keys),
    )
    # One key that works is enough: a provider changes from one to the other, and signs with one.
    if any(one.state in ("ok", "warn") for one in found):
        found = [_spare(one) for one in found]
    return [sends, *found, dmarc, alignment(about, sends, found, policy), mx, link]


def _spare(one: Check) -> Check:
    if one.state != "bad" or one.found:
        return one
    words = f"{one.words} Another selector has one, which is enough until keys are changed."
    return Check(what=one.what, subject=one.subject, state="warn", words=words, wanted=one.wanted)


async def sender_policy(resolver: Resolver, settings: DeliverabilitySettings, domain: str) -> Check:
    """SPF of the domain that bounces go to."""
    got = await spf.follow(resolver, domain)
    include = settings.spf_include.lower()

    def say(state: State, words: str, record: str = "") -> Check:
        wanted = (Wanted(type="TXT", name=domain, value=record),) if record else ()
        return Check(
            what="spf",
            subject=domain,
            state=state,
            words=words,
            found="\n".join(got.records),
            wanted=wanted,
        )

    if len(got.records) > 1:
        text = "There are two SPF records or more, so receivers ignore them all. Keep one, such as this."
        return say("bad", text, spf.repaired(got.records, include))
    if got.problem:
        # Where the record itself cannot be read there is one to put in its place; else it is about others.
        record = spf.repaired(got.records, include) if got.record.problem else ""
        return say("bad", f"Receivers refuse this SPF record. {got.problem}", record)
    if not got.failed and not got.records:
        first = f"v=spf1 include:{include} ~all" if include else "v=spf1 a mx ~all"
        return say("bad", "No SPF record says who may send for this domain.", first)
    mended = spf.repaired(got.records)
    if got.record.ending == "+":
        words = "The SPF record lets anybody send in your name. End it with ~all."
        return say("bad", words, mended)
    known = not include or any(
        host == include or host.endswith(f".{include}") for host in got.hosts
    )
    if got.failed and not known:
        return say("unknown", SILENT)
    if not known:
        words = f"The SPF record does not let {include} send for you."
        return say("bad", words, spf.repaired(got.records, include))
    if got.failed:
        return say("unknown", SILENT)
    if got.record.ending in ("", "?") and not _redirects(got.record):
        words = "The SPF record does not say what to do with others. End it with ~all."
        return say("warn", words, mended)
    return say(
        "ok", f"Your provider may send for this domain ({got.lookups} of {spf.MOST} look-ups)."
    )


def _redirects(record: spf.Record) -> bool:
    return any(one.name == "redirect" for one in record.terms)


async def dkim(
    resolver: Resolver, settings: DeliverabilitySettings, domain: str, selector: str
) -> Check:
    """The key of one selector."""
    name = f"{selector}._domainkey.{domain}"
    answer = await resolver.ask(name, "TXT")
    host = settings.dkim_host.lower()
    wanted = Wanted(
        type="CNAME",
        name=name,
        value=f"{selector}.domainkey.{host}" if host else ASK_PROVIDER,
        exact=bool(host),
    )

    def say(state: State, words: str) -> Check:
        return Check(
            what=f"dkim:{selector}",
            subject=domain,
            state=state,
            words=words,
            found="\n".join(answer.values),
            wanted=(wanted,) if state == "bad" else (),
        )

    if answer.state == "failed":
        return say("unknown", SILENT)
    if answer.state == "absent":
        return say("bad", f"There is no DKIM key for the selector {selector}.")
    keys = [text for text in answer.values if "p" in records.tags(text)]
    if len(keys) > 1:
        return say("bad", "There are two DKIM keys in one place, so receivers can use neither.")
    key = records.key_of(keys[0] if keys else answer.values[0])
    return say(key.state, key.words)


async def dmarc_of(resolver: Resolver, domain: str) -> tuple[Check, records.Policy | None]:
    """The DMARC record of the domain or, where it has none, of the one it belongs to."""
    for host in dict.fromkeys((domain, records.owned(domain))):
        answer = await resolver.ask(f"_dmarc.{host}", "TXT")
        texts = [text for text in answer.values if records.is_dmarc(text)]
        if answer.state == "failed":
            return _dmarc(domain, "unknown", SILENT), None
        if texts:
            break
    record = REPORTS.format(domain=records.owned(domain))
    if not texts:
        words = "No DMARC record says what becomes of mail that others send in your name."
        return _dmarc(domain, "bad", words, "", record), None
    shown = "\n".join(texts)
    if len(texts) > 1:
        return _dmarc(domain, "bad", "There are two DMARC records: keep one.", shown), None
    policy = records.policy_of(texts[0])
    if policy.problem:
        words = f"Receivers ignore this DMARC record. {policy.problem}"
        return _dmarc(domain, "bad", words, shown, record), None
    counts = policy.policy if host == domain else policy.subdomains or policy.policy
    if not policy.reports:
        words = f"The policy is {counts}, and nobody gets reports: add rua=mailto: with an address."
        record = f"{texts[0].rstrip('; ')}; rua=mailto:dmarc@{records.owned(domain)}"
        return _dmarc(domain, "warn", words, shown, record, host), policy
    later = (
        " Once the reports look right, quarantine protects your name." if counts == "none" else ""
    )
    return _dmarc(domain, "ok", f"The policy is {counts}.{later}", shown), policy


def _dmarc(
    domain: str, state: State, words: str, found: str = "", record: str = "", host: str = ""
) -> Check:
    wanted = (Wanted(type="TXT", name=f"_dmarc.{host or domain}", value=record),) if record else ()
    return Check(what="dmarc", subject=domain, state=state, words=words, found=found, wanted=wanted)


def alignment(
    about: Asked, sends: Check, keys: list[Check], policy: records.Policy | None
) -> Check:
    """Whether SPF or DKIM speaks for the domain that customers see."""
    policy = policy or records.Policy()
    by_spf = records.aligned(about.sender, about.bounces, policy.strict_spf)
    by_dkim = records.aligned(about.sender, about.dkim, policy.strict_dkim)
    spf_good = by_spf and sends.state in ("ok", "warn")
    dkim_good = by_dkim and any(one.state in ("ok", "warn") for one in keys)
    found = f"From {about.sender}; SPF {about.bounces}; DKIM {about.dkim}"

    def say(state: State, words: str) -> Check:
        return Check(what="alignment", subject=about.sender, state=state, words=words, found=found)

    if mailbox_of(f"x@{about.sender}") != "other":
        return say(
            "bad",
            f"Only {about.sender} itself can send from its addresses. Use an address at a domain of "
            "your own.",
        )
    if dkim_good and spf_good:
        return say("ok", "SPF and DKIM both speak for the domain that customers see.")
    unknown = (by_spf and sends.state == "unknown") or (
        by_dkim and any(one.state == "unknown" for one in keys)
    )
    if dkim_good:
        return say(
            "warn", "DKIM speaks for your domain, SPF does not yet: Microsoft asks for both."
        )
    if spf_good:
        return say("warn", "SPF speaks for your domain, DKIM does not: forwarded mail will fail.")
    if unknown:
        return say("unknown", SILENT)
    return say(
        "bad",
        "Neither SPF nor DKIM speaks for the domain that customers see, so nothing proves that the "
        "mail is yours. Put right one of them above.",
    )


async def replies(resolver: Resolver, domain: str) -> Check:
    """Whether an answer of a customer reaches anybody."""
    answer = await resolver.ask(domain, "MX")
    shown = "\n".join(answer.values)

    def say(state: State, words: str) -> Check:
        return Check(what="mx", subject=domain, state=state, words=words, found=shown)

    if answer.state == "failed":
        return say("unknown", SILENT)
    if any(one.split()[-1:] in ([], ["."], ["0"]) for one in answer.values):
        return say("bad", "The domain says that it takes no mail: replies of customers come back.")
    if answer.state == "found":
        return say("ok", "Replies of customers arrive.")
    address = await _address(resolver, domain)
    if address.state == "failed":
        return say("unknown", SILENT)
    if address.state == "found":
        return say("warn", "The domain has no mail server (MX); replies go to its web server.")
    words = (
        "The domain has no mail server: replies of customers come back. Use another reply address."
    )
    return say("bad", words)


async def links(resolver: Resolver, about: Asked) -> Check:
    """Whether the shop's own host for links leads here."""
    host = about.links

    def say(state: State, words: str, found: str = "", add: bool = False) -> Check:
        wanted = (Wanted(type="CNAME", name=host, value=about.ours),) if add else ()
        return Check(
            what="link",
            subject=host or about.ours,
            state=state,
            words=words,
            found=found,
            wanted=wanted,
        )

    if not host:
        return say(
            "ok", "Links begin with this installation's address. A host of your own looks better."
        )
    own, address = await asyncio.gather(resolver.ask(host, "CNAME"), _address(resolver, host))
    found = "\n".join(own.values or address.values)
    if address.state == "failed":
        return say("unknown", SILENT, found)
    if address.state == "absent":
        return say("bad", "Links in mails lead nowhere: the host does not exist.", found, True)
    if about.ours in (host, "localhost") or about.ours.replace(".", "").isdigit():
        return say("ok", "The host exists.", found)
    ours = await _address(resolver, about.ours)
    if ours.state == "failed":
        return say("unknown", SILENT, found)
    if address.name == ours.name or set(address.values) & set(ours.values):
        return say("ok", "Links in mails lead here.", found)
    if ours.state == "absent":
        return say("ok", "The host exists.", found)
    return say("bad", "The host leads elsewhere, so links in mails are broken.", found, True)


async def _address(resolver: Resolver, host: str) -> Answer:
    four = await resolver.ask(host, "A")
    if four.state == "found":
        return four
    six = await resolver.ask(host, "AAAA")
    return four if six.state == "absent" else six


def _domain(email: str) -> str:
    return email.rpartition("@")[2].strip().lower()
