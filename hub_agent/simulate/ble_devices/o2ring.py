"""A Viatom O2Ring: says nothing unasked; the hub polls, the ring answers in pieces of 20 bytes.

Owns: Viatom's service and its request frames (layout: home-health-hub/viatom-o2ring-ble).
Never: answers a frame whose checksum is wrong.
"""

import struct
from typing import ClassVar, Final

from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices.gatt import Properties
from hub_agent.simulate.ble_devices.parts import Fault
from hub_agent.simulate.ble_devices.peripheral import Peripheral

SERVICE: Final = "14839AC4-7D7E-415C-9A42-167340CF2339"
NOTIFY: Final = "0734594A-A8E7-4B1A-A6B1-CD5243059A57"
WRITE: Final = "8B00ACE7-EB0B-49B0-BBE9-9AEE0A26E1A3"

_PIECE: Final = 20
_HEAD: Final = 7
_REQUEST: Final = 0xAA
_LIVE: Final = 0x17


class O2Ring(Peripheral):
    """Answers the live poll (0x17); every other command gets an empty good answer."""

    name: ClassVar = "O2Ring"
    advertised: ClassVar = SERVICE

    def build(self) -> None:
        """One channel in, one out."""
        self._request = b""
        self.add(
            SERVICE,
            self.characteristic(NOTIFY, Properties.NOTIFY),
            self.characteristic(WRITE, Properties.WRITE | Properties.WRITE_WITHOUT_RESPONSE, written=self._on_write),
        )

    def on_disconnected(self) -> None:
        """A half-sent request does not outlive its link."""
        super().on_disconnected()
        self._request = b""

    def _on_write(self, piece: bytes) -> None:
        """Gather pieces until a frame is whole."""
        self._request += piece
        while self._request and self._request[0] != _REQUEST:
            self._request = self._request[1:]
        if len(self._request) < _HEAD:
            return
        command, size = self._request[1], struct.unpack_from("<H", self._request, 5)[0]
        end = _HEAD + size + 1
        if len(self._request) >= end:
            frame, self._request = self._request[:end], self._request[end:]
            if encoders.crc8(frame[:-1]) == frame[-1] and frame[2] == command ^ 0xFF:
                self.later(lambda: self._answer(command))

    async def _answer(self, command: int) -> None:
        payload, readings = b"", 0
        if command == _LIVE:
            payload, readings = self._live(), 1
        frame = encoders.viatom_reply(payload)
        pieces = [frame[at : at + _PIECE] for at in range(0, len(frame), _PIECE)]
        for piece in pieces[:-1]:
            await self.notify(NOTIFY, piece, readings=0)
        await self.notify(NOTIFY, pieces[-1], readings=readings)

    def _live(self) -> bytes:
        if self.fault is Fault.NAN:
            return encoders.o2ring_live(None, None, None, self.battery)
        now = self.vitals()
        return encoders.o2ring_live(now.spo2, now.pulse, now.perfusion, self.battery)
