"""After MAILWRIGHT_SECRET was changed: what still rests on a former secret, and bringing over what can be.

Three things can be brought over: keys of persons, columns of plugins that are encrypted, and suppressions
of addresses that a customer has. Three cannot, and need the former secret for as long as they count: links
in mails that are out, seals and anchors of the consent ledger, and suppressions of addresses that nobody
has any more, since only their hash is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.base import Frozen
from kernel.profiles import consent_chain as chain
from kernel.profiles import consent_keys, suppression
from kernel.profiles.consent_anchor import public_key
from kernel.tenancy import audit
from kernel.tenancy import keys as installation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

PAGE = 5000
ROTATED = "keys.rotated"

_ADDRESSES = """
SELECT id, email FROM profiles_customer WHERE tenant_id = $1 AND id > $2 AND email IS NOT NULL
ORDER BY id LIMIT $3
"""
_COUNTS = {
    "persons": "SELECT wrapped_by AS name, count(*) FROM profiles_person_key WHERE tenant_id = $1 GROUP BY 1",
    "suppressions": "SELECT decode(key_id, 'hex') AS name, count(*) FROM profiles_suppression WHERE tenant_id = $1 GROUP BY 1",
    "entries": f"SELECT substr(mac, 1, {chain.KEY_ID_BYTES}) AS name, count(*) FROM profiles_consent WHERE tenant_id = $1 GROUP BY 1",
    "anchors": "SELECT public_key AS name, count(*) FROM profiles_consent_anchor WHERE tenant_id = $1 GROUP BY 1",
}
_MAILS = """
SELECT count(*) FROM pipeline_message WHERE tenant_id = $1 AND accepted_at <= coalesce(
  (SELECT min(at) FROM tenancy_audit WHERE tenant_id = $1 AND action = $2 AND subject = $3
     AND at > coalesce((SELECT max(at) FROM tenancy_audit
                        WHERE tenant_id = $1 AND action = $2 AND subject <> $3), '-infinity')),
  'infinity')
"""


class Resting(Frozen):
    """How much of one tenant rests on one secret. With `rotate`, the first three become 0 or less."""

    persons: int = 0
    """Keys that evidence of consents is encrypted with."""
    suppressions: int = 0
    """Entries of the suppression list; what stays after `rotate` are addresses that no customer has."""
    encrypted: int = 0
    """Rows of plugins."""
    entries: int = 0
    """Seals of the consent ledger."""
    anchors: int = 0
    """Signed heads of the consent ledger."""
    mails: int = 0
    """Mails whose links may be of this secret: those handed over before the first `rotate` of the current
    one, or all, where there was none.
    """

    @property
    def nothing(self) -> bool:
        """Whether it may be dropped, as far as this tenant goes."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


async def resting(ctx: Context) -> list[Resting]:
    """What rests on each secret, in the order of `installation.secrets`; the last is for what rests on
    a secret that is not set.
    """
    secrets = installation.secrets(ctx)
    ids = [one.key_id for one in chain.ring(ctx)]
    names = {
        "persons": ids,
        "suppressions": [bytes.fromhex(name) for name in suppression.key_ids(ctx)],
        "entries": ids,
        "anchors": [bytes.fromhex(public_key(secret)) for secret in secrets],
    }
    counts: list[dict[str, int]] = [{} for _ in (*secrets, "")]
    for what, sql in _COUNTS.items():
        for name, count in await ctx.db.fetch(sql, ctx.tenant.id):
            which = names[what].index(name) if name in names[what] else -1
            counts[which][what] = counts[which].get(what, 0) + count
    for place, purpose in _columns(ctx):
        for which, count in enumerate(await installation.encrypted(ctx, place, purpose)):
            counts[which]["encrypted"] = counts[which].get("encrypted", 0) + count
    now = installation.fingerprint(secrets[0])
    mails = await ctx.db.fetchval(_MAILS, ctx.tenant.id, ROTATED, now)
    for old in counts[1:-1]:
        old["mails"] = mails
    return [Resting(**one) for one in counts]


async def rotate(ctx: Context, progress: Callable[[str, int], None]) -> Resting:
    """Bring over to the current secret what can be, in transactions of its own; how much it was.

    Stop it at any time and run it again: what is done stays done, and a second run finds nothing.

    Args:
        ctx: the tenant, without a transaction.
        progress: told what was brought over (`persons`, `suppressions`, `encrypted`) and how many.
    """
    persons = await consent_keys.wrap_anew(
        ctx, chain.ring(ctx), lambda count: progress("persons", count)
    )
    suppressions = await _suppressions(ctx, lambda count: progress("suppressions", count))
    encrypted = 0
    for place, purpose in _columns(ctx):
        async with ctx.transaction() as part:
            count = await installation.encrypt_anew(part, place, purpose)
        if count:
            progress("encrypted", count)
        encrypted += count
    done = Resting(persons=persons, suppressions=suppressions, encrypted=encrypted)
    if not done.nothing:
        async with ctx.transaction() as part:
            now = installation.fingerprint(installation.secrets(ctx)[0])
            await audit.record(
                part,
                ROTATED,
                now,
                persons=persons,
                suppressions=suppressions,
                encrypted=encrypted,
            )
    return done


async def _suppressions(ctx: Context, progress: Callable[[int], None]) -> int:
    """Seal anew what is on the list of customers' addresses; only where an old seal is there at all."""
    old = suppression.key_ids(ctx)[1:]
    done, after = 0, 0
    while True:
        async with ctx.transaction() as part:
            left = await part.db.fetchval(
                """SELECT EXISTS (SELECT FROM profiles_suppression
                                  WHERE tenant_id = $1 AND key_id = ANY($2::text[]))""",
                part.tenant.id,
                old,
            )
            rows: Sequence[Any] = ()
            if left:
                rows = await part.db.fetch(_ADDRESSES, part.tenant.id, after, PAGE)
            count = await suppression.reseal(part, [row["email"] for row in rows])
        done += count
        if count:
            progress(count)
        if len(rows) < PAGE:
            return done
        after = rows[-1]["id"]


def _columns(ctx: Context) -> list[tuple[str, str]]:
    """Of every installed plugin: one that was switched off may still keep what it stored."""
    plugins = cast("TenantScope", ctx).core.board.plugins.values()
    return [item for plugin in plugins for item in plugin.manifest.encrypted.items()]
