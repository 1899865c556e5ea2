"""The promises about commands, held against one history: what was ordered, what the hub did, and what it answered."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulator.clock import loop_s
from tests.simulator.office import Commands

_SLACK_S = 1.0

Answers = Mapping[str, tuple[str | None, Mapping[str, Any]]]
"""Outcome and result of each command of the NOC, by its name; None: not answered."""


def obeyed(commands: Commands, answers: Answers, security: int) -> Iterator[str]:
    """Give what is wrong, one line each.

    Args:
        commands: what happened.
        answers: what the NOC was told.
        security: how many security events the NOC was told.
    """
    yield from _done_once(commands)
    yield from _answered(commands, answers)
    set_to = max((order.revision for jti, order in commands.orders.items() if jti in commands.deeds_s), default=0)
    if commands.revision is not None and commands.revision != set_to:
        yield f"forgotten: limits of revision {set_to} were set, {commands.revision} are in force"
    if commands.forgeries and not security:
        yield f"untold: {commands.forgeries} forgeries, and no security event"


def _done_once(commands: Commands) -> Iterator[str]:
    """What was ordered is done once at the most, and in its time; what nobody ordered is not done."""
    for jti, at_s in commands.deeds_s.items():
        order = commands.orders.get(jti)
        if order is None:
            yield f"obeyed a stranger: at {at_s[0]:.1f}"
            continue
        if len(at_s) > 1:
            yield f"done twice: {order.op} at {', '.join(f'{one_s:.1f}' for one_s in at_s)}"
        if order.timed and at_s[0] > loop_s(order.exp * 1000) + _SLACK_S:
            yield f"done too late: {order.op} at {at_s[0]:.1f}, dead since {loop_s(order.exp * 1000):.1f}"


def _answered(commands: Commands, answers: Answers) -> Iterator[str]:
    """What the hub has taken is answered, and the answer is true."""
    for jti, order in commands.orders.items():
        outcome, result = answers.get(jti, (None, {}))
        did = len(commands.deeds_s.get(jti, ()))
        if outcome is None and order.taken:
            yield f"unanswered: {order.op}, which the hub has taken"
        if outcome == "done" and not did:
            yield f"false answer: {order.op} was not done"
        if did and (outcome == "refused" or result.get("began") is False):
            yield f"false answer: {order.op} was done, and told as {outcome}, {result}"
