"""Asks plugins, by the policies of `kernel/hookspecs.py`: in sequence, under one deadline a call.

A plugin that raises, hangs or answers nonsense is named, told of to `report`, and leaves nothing
behind: where the context has a transaction, each plugin answers inside a savepoint.
"""

from __future__ import annotations

from asyncio import CancelledError, current_task
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import structlog

from kernel.hookspecs import Policy
from kernel.plugboard.answers import CHECKS, Check
from kernel.plugboard.deadline import Watch
from kernel.plugboard.parts import Answer, Failure
from kernel.plugboard.plans import ARGUMENTS, Call, Plans, Steps

log = structlog.get_logger(__name__)

LAST_SHARE = 0.2
"""Part of a FIRST call's deadline that is kept for the last plugin in order, the fallback: a decider
that hangs must not silence the rules behind it."""

T = TypeVar("T")
# Reading a member from its Enum takes .1 µs.
_COLLECT, _FIRST, _VETO = Policy.COLLECT, Policy.FIRST, Policy.VETO
_NOTIFY, _CHAIN = Policy.NOTIFY, Policy.CHAIN
Fold = Callable[[str, Any], tuple[Any, ...] | None]
Sift = Callable[[str, Sequence[int], Sequence[Any]], Sequence[Any]]
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
        self._watch: Watch | None = None

    async def collect(self, hook: str, enabled: frozenset[str], **given: Any) -> list[Answer]:
        """COLLECT: the answers in order; plugins that failed are left out."""
        steps, arguments = self._prepare(hook, enabled, _COLLECT, given)
        answers = await self._ask(hook, steps, arguments, self.deadline)
        return [answer for answer in answers if answer.error is None]

    def veto(
        self, hook: str, enabled: frozenset[str], **given: Any
    ) -> Coroutine[Any, Any, list[Answer]]:
        """VETO: one answer of every plugin; where `error` is set, it counts as denial.

        Mandatory plugins are asked even if `enabled` lacks them.
        """
        if not self.mandatory <= enabled:
            enabled |= self.mandatory
        steps, arguments = self._prepare(hook, enabled, _VETO, given)
        return self._ask(hook, steps, arguments, self.deadline)

    def notify(
        self, hook: str, enabled: frozenset[str], **given: Any
    ) -> Coroutine[Any, Any, list[Answer]]:
        """NOTIFY: everyone in `enabled` is told; an answer for each that failed, with its error."""
        steps, arguments = self._prepare(hook, enabled, _NOTIFY, given)
        return self._ask(hook, steps, arguments, self.deadline)

    async def chain(
        self, hook: str, enabled: frozenset[str], name: str, value: Sequence[T], **given: Any
    ) -> Sequence[T]:
        """CHAIN: `value` after every plugin had the argument `name` and could return another."""
        given[name] = tuple(value)  # nobody changes it in place
        steps, arguments = self._prepare(hook, enabled, _CHAIN, given)
        place = ARGUMENTS[hook].index(name)

        def pass_on(plugin: str, value: Any) -> tuple[Any, ...]:
            given[name] = tuple(value)
            return (*arguments[:place], given[name], *arguments[place + 1 :])

        await self._ask(hook, steps, arguments, self.deadline, pass_on)
        result: Sequence[T] = given[name]
        return result

    async def first(
        self,
        hook: str,
        enabled: frozenset[str],
        name: str,
        items: Sequence[Any],
        *,
        check: Check | None = None,
        sift: Sift | None = None,
        failed: list[Answer] | None = None,
        **given: Any,
    ) -> list[Answer | None]:
        """FIRST: for each of `items`, the first answer that is not None, or None.

        Each plugin gets, as the argument `name`, the items that nobody before it answered.

        Args:
            hook: the hook.
            enabled: who may be asked.
            name: the argument that holds the items.
            items: what is asked about.
            check: instead of the hook's own in `answers.CHECKS`.
            sift: is given plugin, places of the items and its answers to them, and returns these
                answers, with None for those that do not count.
            failed: is filled with the answers of the plugins that failed.
            given: the hook's other arguments.
        """
        given[name] = tuple(items)
        steps, arguments = self._prepare(hook, enabled, _FIRST, given)
        place = ARGUMENTS[hook].index(name)
        found: list[Answer | None] = [None] * len(items)
        waiting: Sequence[int] = range(len(items))

        def take(plugin: str, values: Any) -> tuple[Any, ...] | None:
            nonlocal waiting, arguments
            missing = values.count(None)
            if missing == len(values):
                return arguments
            if sift is not None:
                values = sift(plugin, waiting, values)
                missing = values.count(None)
            for index, value in zip(waiting, values, strict=True):
                if value is not None:
                    found[index] = Answer(plugin, value)
            if not missing:
                waiting = ()
                return None
            waiting = [index for index in waiting if found[index] is None]
            left = tuple(items[index] for index in waiting)
            arguments = (*arguments[:place], left, *arguments[place + 1 :])
            return arguments

        last = self.deadline * LAST_SHARE if len(steps) > 1 else self.deadline
        if waiting and len(steps) > 1:
            seconds = self.deadline - last
            lost = await self._ask(hook, steps[:-1], arguments, seconds, take, check)
            if failed is not None:
                failed += lost
        if waiting:
            lost = await self._ask(hook, steps[-1:], arguments, last, take, check)
            if failed is not None:
                failed += lost
        return found

    def _prepare(
        self, hook: str, enabled: frozenset[str], policy: Policy, given: dict[str, Any]
    ) -> tuple[Steps, tuple[Any, ...]]:
        """Who is asked, and the arguments in the order of the specification.

        Raises:
            TypeError: the kernel calls the hook wrongly, which would look like every plugin's fault.
        """
        plan = self.plans(hook, enabled)
        if plan.policy is not policy:
            raise TypeError(f"the hook {hook} is called by the policy {plan.policy.name}")
        if len(given) != len(plan.arguments):
            raise TypeError(f"the hook {hook} is called with exactly {', '.join(plan.arguments)}")
        return plan.steps, tuple(map(given.__getitem__, plan.arguments))

    async def _ask(
        self,
        hook: str,
        steps: Steps,
        arguments: tuple[Any, ...],
        seconds: float,
        fold: Fold | None = None,
        check: Check | None = None,
    ) -> list[Answer]:
        """One answer per plugin of `steps`, in order, save those that had nothing to say: None.

        Args:
            fold: is given each good answer instead, and returns the arguments for the next plugin,
                or None to ask no further; the result then holds failures only.
            check: instead of the hook's own.
        """
        answers: list[Answer] = []
        if not steps:
            return answers
        check = check or CHECKS.get(hook)
        savepoint: Savepoint | None = getattr(arguments[0], "savepoint", None)
        task = current_task()
        assert task is not None, "hooks are called from within a task"
        if (watch := self._watch) is None or watch.loop is not task.get_loop():
            watch = self._watch = Watch(task.get_loop())
        deadline = watch.begin(task, seconds)
        try:
            for plugin, call in steps:
                try:
                    if savepoint is None:
                        value = await call(*arguments)
                        if check is not None:
                            check(value, arguments)
                    else:
                        value = await _undoable(savepoint, call, arguments, check)
                    if deadline.passed:
                        raise NoTime(f"went on after the deadline of {seconds:g} s")
                except _NoSavepoint as lost:  # the transaction is gone: no plugin's failure
                    raise lost.error from None
                except CancelledError:
                    if not deadline.settle():
                        raise
                    hung = NoTime(f"did not answer within {seconds:g} s")
                    answers.append(self._failed(hook, plugin, arguments, hung))
                    break
                # Whatever a plugin raises is its failure.
                except (Exception, SystemExit) as error:  # noqa: BLE001
                    answers.append(self._failed(hook, plugin, arguments, error))
                    if deadline.passed:  # it swallowed the cancellation
                        deadline.settle()
                        break
                else:
                    if value is None:
                        continue
                    if fold is None:
                        answers.append(Answer(plugin, value))
                    elif (folded := fold(plugin, value)) is None:
                        break
                    else:
                        arguments = folded
        finally:
            watch.finish(deadline)
        if deadline.passed:
            late = NoTime(f"was not asked: plugin `{plugin}` used up the {seconds:g} s of the call")
            names = [name for name, _ in steps]
            answers += [Answer(name, None, late) for name in names[names.index(plugin) + 1 :]]
        return answers

    def _failed(
        self, hook: str, plugin: str, arguments: Sequence[Any], error: BaseException
    ) -> Answer:
        tenant = getattr(getattr(arguments[0], "tenant", None), "id", "")
        self.report(Failure(tenant, plugin, hook, error))
        return Answer(plugin, None, error)


class _NoSavepoint(Exception):
    def __init__(self, error: Exception) -> None:
        self.error = error


async def _undoable(
    savepoint: Savepoint, call: Call, arguments: Sequence[Any], check: Check | None
) -> Any:
    """What `call` answers; what it wrote is taken back if it fails or its answer is nonsense."""
    began = False
    try:
        async with savepoint():
            began = True
            value = await call(*arguments)
            if check is not None:
                check(value, arguments)
            return value
    except Exception as error:
        if began:
            raise
        raise _NoSavepoint(error) from error
