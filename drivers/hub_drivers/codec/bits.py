"""Status words: which bits are set, by name, and what they say of a reading's worth.

Owns: the way from bits to names and :class:`~hub_agent.model.Quality`.
Never: knows a profile; a bit without a row is reserved and ignored.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from hub_agent.model import Quality


class Bit(NamedTuple):
    """One bit of a status word.

    Attributes:
        number: its place, 0 the lowest.
        name: ``snake_case``, as the specification calls it.
        quality: what it means for the reading.
    """

    number: int
    name: str
    quality: Quality = Quality.GOOD


class StatusWord:
    """A status word that is described by its bits."""

    __slots__ = ("_bits", "names", "quality")

    def __init__(self, *bits: Bit) -> None:
        self._bits = bits
        self.names: Callable[[int], tuple[str, ...]] = lru_cache(maxsize=128)(self._names)
        self.quality: Callable[[int], Quality] = lru_cache(maxsize=128)(self._quality)

    def _names(self, word: int) -> tuple[str, ...]:
        """Name the bits set in ``word``, lowest first."""
        return tuple(bit.name for bit in self._bits if word >> bit.number & 1)

    def _quality(self, word: int) -> Quality:
        """Gather what the bits set in ``word`` say."""
        quality = Quality.GOOD
        for bit in self._bits:
            if word >> bit.number & 1:
                quality |= bit.quality
        return quality
