"""Asks plugins, by the policies of `kernel/hookspecs.py`: in sequence, under one deadline a call.

A plugin that raises, hangs or answers nonsense is named, told of to `report`, and leaves nothing
behind: where the context has a transaction, each plugin answers inside a savepoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from kernel.hookspecs import Policy
from kernel.plugboard.answers import CHECKS, Check
from kernel.plugboard.parts import Answer, Failure
from kernel.plugboard.plans import ARGUMENTS, POLICIES, Call, Plan, Plans

log = structlog.get_logger(__name__)

LAST_SHARE = 0.2
"""Part of a FIRST call's deadline that is kept for the last plugin in order, the fallback: a decider
that hangs must not silence the rules behind it."""

Fold = Callable[[Answer, dict[str, Any]], bool]
Savepoint = Callable[[], AbstractAsyncContextManager[Any]]


class NoTime(Exception):
    """The plugin did not answer before the deadline, or was not asked because another used it up."""


def log_failure(failure: Failure) -> None:
    """The default report: a line in the log, without what the error says (it may quote a person)."""
    log.warning(
        "plugin failed",
        plugin=failure.plugin,
        what=failure.what,
        failed_tenant=failure.tenant or None,
        error=type(failure.error).__name__,
    )


class Dispatcher:
    """Asks the plugins of a set, and gives each answer its plugin's name."""

    def __init__(
        self, plans: Plans, deadline: float = 30.0, mandatory: frozenset[str] = frozenset()
    ) -> None:
        self.plans = plans
        self.deadline = deadline
        self.mandatory = mandatory
        self.report: Callable[[Failure], None] = log_failure

    async def collect(self, hook: str, enabled: frozenset[str], **given: Any) -> list[Answer]:
        """COLLECT: the answers in order; plugins that failed are left out."""
        self._expect(hook, Policy.COLLECT, given)
        answers = await self._ask(hook, self.plans(hook, enabled), given, self.deadline)
        return [answer for answer in answers if answer.error is None]

    async def veto(self, hook: str, enabled: frozenset[str], **given: Any) -> list[Answer]:
        """VETO: one answer of every plugin; where `error` is set, it counts as denial.

        Mandatory plugins are asked even if `enabled` lacks them.
        """
        self._expect(hook, Policy.VETO, given)
        if not self.mandatory <= enabled:
            enabled |= self.mandatory
        return await self._ask(hook, self.plans(hook, enabled), given, self.deadline)

    async def notify(self, hook: str, enabled: frozenset[str], **given: Any) -> list[Answer]:
        """NOTIFY: everyone in `enabled` is told; an answer tells by `error` who failed."""
        self._expect(hook, Policy.NOTIFY, given)
        return await self._ask(hook, self.plans(hook, enabled), given, self.deadline)

    async def chain(
        self, hook: str, enabled: frozenset[str], name: str, value: Any, **given: Any
    ) -> Any:
        """CHAIN: `value` after every plugin had the argument `name` and could return another."""
        given[name] = value
        self._expect(hook, Policy.CHAIN, given)

        def pass_on(answer: Answer, given: dict[str, Any]) -> bool:
            given[name] = answer.value
            return True

        await self._ask(hook, self.plans(hook, enabled), given, self.deadline, pass_on)
        return given[name]

    async def first(
        self, hook: str, enabled: frozenset[str], name: str, items: Sequence[Any], **given: Any
    ) -> list[Answer | None]:
        """FIRST: for each of `items`, the first answer that is not None, or None.

        Each plugin gets, as the argument `name`, the items that nobody before it answered.
        """
        given[name] = items
        self._expect(hook, Policy.FIRST, given)
        found: list[Answer | None] = [None] * len(items)
        waiting = list(range(len(items)))

        def take(answer: Answer, given: dict[str, Any]) -> bool:
            nonlocal waiting
            if answer.value is None:
                return True
            still = []
            for index, value in zip(waiting, answer.value, strict=True):
                if value is None:
                    still.append(index)
                else:
                    found[index] = Answer(answer.plugin, value)
            if len(still) < len(waiting):
                waiting = still
                given[name] = [items[index] for index in still]
            return bool(waiting)

        plan = self.plans(hook, enabled)
        end = asyncio.get_running_loop().time() + self.deadline
        if waiting and len(plan) > 1:
            await self._ask(hook, plan[:-1], given, self.deadline * (1 - LAST_SHARE), take)
        if waiting:
            left = end - asyncio.get_running_loop().time()
            await self._ask(hook, plan[-1:], given, left, take)
        return found

    async def _ask(
        self, hook: str, plan: Plan, given: dict[str, Any], seconds: float, fold: Fold | None = None
    ) -> list[Answer]:
        """One answer per plugin of `plan`; `fold` sees each good one and may stop the rest."""
        answers: list[Answer] = []
        check = CHECKS.get(hook)
        savepoint: Savepoint | None = getattr(given.get("ctx"), "savepoint", None)
        try:
            async with asyncio.timeout(seconds) as timer:
                for plugin, call in plan:
                    try:
                        if savepoint is None:
                            value = await call(**given)
                            if check is not None:
                                check(value, given)
                        else:
                            value = await _undoable(savepoint, call, given, check)
                        if timer.expired():
                            raise NoTime(f"went on after the deadline of {seconds:g} s")
                    except _NoSavepoint as lost:  # the transaction is gone: no plugin's failure
                        raise lost.error from None
                    # Whatever a plugin raises is its failure; CancelledError is ours and goes on.
                    except (Exception, SystemExit) as error:  # noqa: BLE001
                        answers.append(self._failed(hook, plugin, given, error))
                        if timer.expired():
                            break
                    else:
                        answer = Answer(plugin, value)
                        answers.append(answer)
                        if fold is not None and not fold(answer, given):
                            return answers
        except TimeoutError:
            if not timer.expired():
                raise
            if len(answers) < len(plan):
                hung = NoTime(f"did not answer within {seconds:g} s")
                answers.append(self._failed(hook, plan[len(answers)][0], given, hung))
        if len(answers) < len(plan):
            culprit = answers[-1].plugin
            late = NoTime(
                f"was not asked: plugin `{culprit}` used up the {seconds:g} s of the call"
            )
            answers += [Answer(plugin, None, late) for plugin, _ in plan[len(answers) :]]
        return answers

    def _failed(
        self, hook: str, plugin: str, given: dict[str, Any], error: BaseException
    ) -> Answer:
        tenant = getattr(getattr(given.get("ctx"), "tenant", None), "id", "")
        self.report(Failure(tenant, plugin, hook, error))
        return Answer(plugin, None, error)

    def _expect(self, hook: str, policy: Policy, given: dict[str, Any]) -> None:
        """Refuse a wrong call by the kernel, which would look like the failure of every plugin."""
        if POLICIES.get(hook) is not policy:
            raise TypeError(f"the hook {hook} is not called by the policy {policy.name}")
        if given.keys() != ARGUMENTS[hook]:
            raise TypeError(f"the hook {hook} is called with exactly {', '.join(ARGUMENTS[hook])}")


class _NoSavepoint(Exception):
    def __init__(self, error: Exception) -> None:
        self.error = error


async def _undoable(
    savepoint: Savepoint, call: Call, given: dict[str, Any], check: Check | None
) -> Any:
    """What `call` answers; what it wrote is taken back if it fails or its answer is nonsense."""
    began = False
    try:
        async with savepoint():
            began = True
            value = await call(**given)
            if check is not None:
                check(value, given)
            return value
    except Exception as error:
        if began:
            raise
        raise _NoSavepoint(error) from error
