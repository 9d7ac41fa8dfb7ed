"""What every fake that takes mail has: a script of faults, and a record of what it accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kernel.testing.fake import Fake
from kernel.testing.faults import Faults, Rule
from kernel.testing.sendgrid_store import Accepted, Store


class TakesMail(Fake):
    """A fake whose script is of `RULE`s."""

    RULE: ClassVar[type[Rule]]

    faults: Faults
    """The script, its seed, and how often each kind has `struck`."""
    oracle: Store
    """What was accepted: `accepted()`, `counts()`, `twice()`, `totals()`."""

    async def _ended(self, error: BaseException | None) -> None:
        self.oracle.close()

    # --- how it fails

    def fail(
        self,
        kind: str | int,
        times: int | None = None,
        *,
        when: Callable[[Any], bool] | None = None,
        **rule: Any,
    ) -> Rule:
        """Scripts a fault of the table in `sendgrid_faults`, or of `SmtpRule`.

        Args:
            kind: what fails, e.g. `429`, `"drop_after"`, `"stall"`.
            times: how often: once, or without end where something says which.
            when: gets the mail that is sent, says whether it is met.
            rule: as of `Rule`: `share`, `nth`, `every`, `to`, `on`, `seconds`.

        Raises:
            ValueError: there is no such fault, or no such operation.
        """
        made = self.RULE(kind=str(kind), times=times, **rule)
        self.add_rule(made, when)
        return made

    def add_rule(self, rule: Rule, when: Callable[[Any], bool] | None = None) -> None:
        """A rule as it comes over HTTP."""
        if rule.kind != "refused":
            self.faults.add(rule, when)
            return
        self._loop.call_soon_threadsafe(self._listener.refuse)
        if rule.seconds is not None:
            self._at_home(lambda: self._recover_in(rule.lasts(0)))

    def _recover_in(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._listener.accept)

    async def refuse(self) -> None:
        """No connection at all from now on, and the open ones are cut, until `recover()`."""
        self._listener.refuse()

    async def recover(self) -> None:
        """Nothing fails any more."""
        self.faults.clear()
        self._listener.accept()

    # --- what it did

    def accepted(self, message: str | None = None, **asked: Any) -> list[Accepted]:
        """As `Store.accepted`: every acceptance of a message, or all, a page at a time."""
        return self.oracle.accepted(message=message, **asked)
