"""`mailwright unsubscribe TENANT TOKEN`. Imports its work when it is asked for."""

from __future__ import annotations

from typing import Any

import click


# A token may begin with a hyphen.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("tenant")
@click.argument("token")
@click.pass_obj
def unsubscribe(program: Any, tenant: str, token: str) -> int:
    """Unsubscribe who sent a mail to u+TOKEN@… of TENANT. Exits 1 when the token is not one of ours.

    For mail servers that hand such mails to a program. TOKEN is what stands between `u+` and the @, or
    the whole address.
    """
    done = program.run(lambda core: _unsubscribe(core, tenant, token))
    click.echo("unsubscribed" if done else "This token is not one of ours; nothing was changed.")
    return 0 if done else 1


async def _unsubscribe(core: Any, tenant: str, token: str) -> bool:
    from plugins.compliance.unsubscribe import unsubscribe_by_token

    async with core.tenant_scope(tenant, actor="mail") as ctx:
        return await unsubscribe_by_token(ctx, token)
