"""Which mail server a tenant's mail goes to, who signs in there, and with which key it is signed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from plugins.smtp import keys
from plugins.smtp.addresses import wire
from plugins.smtp.manifest import SmtpSettings
from plugins.smtp.signing import Key

if TYPE_CHECKING:
    from kernel.sdk import Context

PASSWORD = "SMTP_PASSWORD"
HOST = "SMTP_HOST"
"""Environment: `host` or `host:port` of the server for shops without a password of their own."""
USER = "SMTP_USER"
KEY = "SMTP_DKIM_KEY"
ED25519_KEY = "SMTP_DKIM_ED25519_KEY"
CA_FILE = "SMTP_CA_FILE"
"""Environment: a file of certificates to believe, where the server's is signed by nobody known."""
SUBMISSION = 587


class Account:
    """What stands for one tenant at its mail server. Its repr holds no secret, since it may reach a log."""

    __slots__ = (
        "ca_file", "connections", "domain", "encryption", "envelope", "host", "keys", "password", "port",
        "problem", "sender", "user", "variable",
    )  # fmt: skip

    def __init__(self, sender: str, settings: SmtpSettings) -> None:
        self.sender = wire(sender)
        """The address that mails are from."""
        self.envelope = settings.envelope_sender.strip()
        """Where bounces go, each with the mark of its message; empty: to `sender`, without one."""
        self.domain = self.sender.rpartition("@")[2].lower()
        """Of the sender's address: the mails are signed for it, and carry it in their ids."""
        self.variable = ""
        """The environment variable that the password is read from."""
        self.host = settings.host
        self.port = settings.port
        self.user = settings.user
        self.password = ""
        self.encryption = settings.encryption
        self.connections = settings.connections
        self.ca_file = _environment(CA_FILE)
        self.keys: tuple[Key, ...] = ()
        """Each signs every mail; none: the mails are not signed here."""
        self.problem = ""
        """Why nothing can be sent, in a sentence for the merchant; empty when it can."""

    def __repr__(self) -> str:
        return f"Account({self.variable}, {self.host}:{self.port}, user={self.user!r})"

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for tenants that can share connections."""
        return (
            self.host, self.port, self.user, self.password, self.encryption, self.ca_file,
            self.connections, self.domain,
        )  # fmt: skip


def account(ctx: Context) -> Account:
    """The tenant's account, from the environment and its settings.

    The settings name a server only beside a password of the tenant's own: otherwise a merchant could have
    everybody's password sent to a server of theirs, or reach into the network that Mailwright runs in.
    """
    settings = ctx.settings(SmtpSettings)
    who = Account(ctx.tenant.sender.email, settings)
    own = variable_of(PASSWORD, ctx.tenant.id)
    if password := _environment(own):
        who.variable, who.password = own, password
        if not who.host:
            who.host, who.port = _named()
    else:
        who.problem = _shared(who, settings, own)
    if not who.problem:
        who.problem = _reachable(who) or _signing(who, settings, ctx.tenant.id)
    return who


def _shared(who: Account, settings: SmtpSettings, own: str) -> str:
    """Everybody's server and password; the problem with them, if any."""
    host, port = _named()
    if settings.host not in ("", host):
        return (
            f"The mail server is named by who runs Mailwright: set {HOST} there, or give the shop a "
            f"password of its own in {own}; then resume sending."
        )
    who.host, who.user = host, _environment(USER)
    who.variable, who.password = PASSWORD, _environment(PASSWORD)
    who.port = port
    return ""


def _named() -> tuple[str, int]:
    """The server that who runs Mailwright named, and its port."""
    given = _environment(HOST)
    host, _, port = given.rpartition(":")
    if given.count(":") == 1 and port.isdecimal():
        return host, int(port)
    return given, SUBMISSION


def _reachable(who: Account) -> str:
    if not who.sender or not who.sender.isascii():
        return "The sender's address cannot be written in ASCII, as mail servers want it: choose another."
    if not who.host:
        return (
            f"There is no mail server: set {HOST} where Mailwright runs, or the host in the settings; "
            "then resume sending."
        )
    if bool(who.user) != bool(who.password):
        return (
            "To sign in to the mail server takes a user and a password, and one of them is missing: "
            f"set {who.variable} where Mailwright runs, and the user; then resume sending."
        )
    if who.user and who.encryption == "none":
        return "A password never goes over an unencrypted connection: choose starttls or tls."
    return ""


def _signing(who: Account, settings: SmtpSettings, tenant_id: str) -> str:
    """Read the keys; the problem with them, if any."""
    name, setting = variable_of(KEY, tenant_id), "dkim_selector"
    rsa, problem = _key(name, setting, settings.dkim_selector, RSAPrivateKey)
    if problem:
        return problem
    second, setting = variable_of(ED25519_KEY, tenant_id), "dkim_selector_ed25519"
    other, problem = _key(second, setting, settings.dkim_selector_ed25519, Ed25519PrivateKey)
    if other and not rsa:
        return (
            "Most mailbox providers cannot read a signature by Ed25519, so it takes one by RSA beside it: "
            f"set dkim_selector and {name} too; then resume sending."
        )
    if other and rsa and other.selector.lower() == rsa.selector.lower():
        return (
            "Each DKIM key needs a selector of its own: publish one of the two under another name."
        )
    who.keys = tuple(filter(None, (rsa, other)))
    return problem


def _key(
    variable: str, setting: str, selector: str, kind: type[RSAPrivateKey | Ed25519PrivateKey]
) -> tuple[Key | None, str]:
    """The key that a variable holds, and the problem with it. Half a signature is none, so selector and
    key come together.
    """
    given = _environment(variable)
    if bool(given) != bool(selector):
        return None, (
            f"To sign mails takes the setting {setting} and a key in {variable}, and one of them "
            "is missing; then resume sending."
        )
    if not given:
        return None, ""
    try:
        pem = given.replace("\\n", "\n") if "-----BEGIN" in given else Path(given).read_text()
    except (OSError, ValueError):
        pem = ""
    key = keys.read(pem.encode())
    if isinstance(key, kind):
        return Key(selector, key), ""
    wanted = (
        f"RSA of {keys.SMALLEST} bits or more, better {keys.USUAL}"
        if kind is RSAPrivateKey
        else "Ed25519"
    )
    return None, (
        f"There is no key in {variable} that can be used: it takes a private key for {wanted}, as PEM or "
        "as a file that holds one (`mailwright dkim` makes one); then resume sending."
    )


def _environment(name: str) -> str:
    return os.environ.get(name, "").strip()


def variable_of(name: str, tenant_id: str) -> str:
    """The environment variable of this name for a tenant."""
    return f"{name}_{tenant_id.replace('-', '_').upper()}"
