"""Storage that runs out: nothing can be delivered, and more comes in than there is room for."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Final

from tests.simulator.devices import SimDevice
from tests.simulator.disk import Disk
from tests.simulator.network import Network
from tests.simulator.strips import BLOCK_BYTES, Recorder

_LEAVES: Final = (0, 1 << 15, 1 << 17)
"""What others leave of the disk, bytes."""
_OVER: Final = (0.3, 1.3)
"""How long a strip is, by the room that there is."""
_TURN_S: Final = 120.0
_LATER_S: Final = 60.0


class Shortage:
    """Lets storage run out.

    Args:
        network: cut meanwhile.
        disk: that may be filled by others.
        recorder: fills the outbox.
        devices: which measure meanwhile.
    """

    def __init__(self, network: Network, disk: Disk, recorder: Recorder, devices: Mapping[str, SimDevice]) -> None:
        self._network, self._disk, self._recorder, self._devices = network, disk, recorder, devices

    async def strike(self, rng: Random) -> None:
        """Cut the network, record strips, let others fill the disk or not; give back both, in any order."""
        self._network.cut()
        if rng.random() < 0.5:
            self._disk.fill(rng.choice(_LEAVES))
        room = self._disk.limits.quota - self._disk.limits.ballast
        blocks = round(room / BLOCK_BYTES * rng.uniform(*_OVER))
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(self._recorder.record(blocks))
            while not recording.done():
                for device in self._devices.values():
                    device.wanted.set()
                await asyncio.wait([recording], timeout=rng.expovariate(1 / _TURN_S))
        first, then = rng.sample([self._network.heal, self._give_back], 2)
        first()
        await asyncio.sleep(rng.expovariate(1 / _LATER_S))
        then()

    def _give_back(self) -> None:
        self._disk.others = 0
