"""A virtual device that records strips: blocks of a waveform, each some kilobytes that do not compress."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

from hub_agent.driver import Action, Chunk, Driver, Emit, SerialLink
from hub_agent.model import Measurement, Reading, ReadingClass, Samples
from hub_agent.nomenclature import PLETH, SPO2
from tests.simulator.devices import Session, SimDevice

BLOCK_BYTES = 3000
BLOCK_S = 6.0
_RARE = 8
"""So many times more seldom than another device measures is a strip recorded for no special reason."""


class _Strips(Session):
    """The session: a block is a number and raw samples."""

    def received(self, chunk: Chunk) -> Iterable[Action]:
        number, _, raw = chunk.data.partition(b" ")
        values = (Measurement(SPO2, "%", Decimal(int(number))),)
        samples = Samples(PLETH, "1", Decimal("0.004"), Decimal(1), tuple(memoryview(raw).cast("H")))
        return (Emit(Reading(ReadingClass.WAVEFORM, values, samples=(samples,))),)


STRIPS = Driver("sim-recorder", "sim-recorder", SerialLink(9600), frozenset({SPO2, PLETH}), lambda _options: _Strips())


class Recorder(SimDevice):
    """Records a strip when it is asked to, and seldom of itself."""

    async def run(self) -> None:
        """Live."""
        while True:
            await self._rest(_RARE * self._density.rest_s)
            await self.record(self._rng.randrange(1, 4))

    async def record(self, blocks: int) -> None:
        """Record a strip of so many blocks."""
        with self._busy():
            for _ in range(blocks):
                await asyncio.sleep(BLOCK_S)
                if self.connection is not None and self.plugged.is_set():
                    self.connection.chunks.put_nowait(b"%d " % self._said() + self._rng.randbytes(BLOCK_BYTES))

    def heard(self, data: bytes) -> None:
        """It counts as heard when the hub's process has it."""
        self._truth.heard_s[int(data.partition(b" ")[0])] = asyncio.get_running_loop().time()
