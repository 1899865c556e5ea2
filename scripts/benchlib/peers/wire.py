"""The process that ``uplink`` starts: relays to the port that it is given, and obeys words on standard input.

Owns: its port, which it prints first; ``cut`` and ``heal``; when it was used again, which it answers to every word.
Never: reads a byte's meaning.
"""

import asyncio
import sys
import time

from hub_agent.demo.relay import Relay


class _Wire(Relay):
    """A wire that knows since when it is used again.

    Attributes:
        connected_ns: of the first connection after the last cut.
    """

    connected_ns = 0

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.cut and not self.connected_ns:
            self.connected_ns = time.perf_counter_ns()
        await super()._carry(reader, writer)


async def _serve(target: int) -> None:
    wire = _Wire(target)
    async with wire.serving():
        print(wire.port, flush=True)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if word == "cut":
                wire.set_cut(True)
                wire.connected_ns = 0
            elif word == "heal":
                wire.set_cut(False)
            print(wire.connected_ns, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
