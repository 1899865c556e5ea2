"""What every session does with bytes it cannot use.

Owns: the way from a decoder's refusal to a ``Rejected``. Never: knows a format.
"""

from collections.abc import Iterator

from hub_agent.driver import Action, Rejected
from hub_agent.errors import DecodeError


def taken(steps: Iterator[Action], data: bytes) -> tuple[Action, ...]:
    """Gather the actions that ``data`` leads to; a decoder's refusal rejects the bytes with its reason."""
    try:
        return tuple(steps)
    except DecodeError as error:
        return (Rejected(str(error), data),)
