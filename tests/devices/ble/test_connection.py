"""The queue of an open link."""

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.service import BleakGATTService

from hub_agent.clock import SystemClock
from hub_agent.devices.ble import BleError, Timings, Trouble
from hub_agent.devices.ble.connection import CHUNKS, BleConnection
from hub_agent.driver import BleLink, Match, sig_uuid

CHANNEL = BleakGATTCharacteristic(
    None, 1, sig_uuid(0x2A37), ["notify"], lambda: 20, BleakGATTService(None, 1, sig_uuid(0x180D))
)


def connection(troubles: list[Trouble]) -> BleConnection:
    link = BleLink(notify=(sig_uuid(0x2A37),), match=Match())
    return BleConnection("strap", link, SystemClock(), Timings(), troubles.append, lambda: None)


async def test_a_full_queue_drops_the_oldest_and_counts_it() -> None:
    link = connection([])
    for number in range(CHUNKS + 3):
        link._on_notification(CHANNEL, bytearray(number.to_bytes(2, "big")))
    assert link.dropped == 3
    assert (await link.receive()).data == (3).to_bytes(2, "big")


async def test_a_loss_is_told_once_and_with_its_reason() -> None:
    troubles: list[Trouble] = []
    link = connection(troubles)
    link._on_notification(CHANNEL, bytearray(b"\x00\x48"))
    link.lose(Trouble.ADAPTER_OFF)
    link.lose()
    assert (await link.receive()).data == b"\x00\x48"
    with pytest.raises(BleError, match="strap: receive: adapter_off"):
        await link.receive()
    assert troubles == [Trouble.ADAPTER_OFF]
