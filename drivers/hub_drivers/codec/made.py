"""Making frames quickly.

Owns: the way around a NamedTuple's constructor, which takes three times as long as the tuple.
Never: checks the number of fields: whoever uses it gives all of them, and has a vector that says so.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

Frame = TypeVar("Frame", bound=tuple[Any, ...])


def maker(frame: type[Frame]) -> Callable[[tuple[object, ...]], Frame]:
    """Give the function that makes a ``frame`` of a tuple of all its fields."""
    return partial(tuple.__new__, frame)
