"""What a thief of the card and an owner of the broker find: no vital sign, no device, no serial number."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest

from hub_agent import mqtt
from hub_agent.demo.broker import free_port
from hub_agent.mqtt import Profile
from hub_agent.nomenclature import QUANTITIES
from tests.configs import CLEAR
from tests.integration.evil import EvilBroker
from tests.integration.plain import plain_broker
from tests.integration.site import Site, device, oximeters

pytestmark = [pytest.mark.broker, pytest.mark.slow]

_ADDRESS = "F0:0D:CA:FE:BA:BE"
_USB_SERIAL = "USBCANARY0815"
_PORT = "usb-Canary_Industries_Oximeter"
_MORE = f"""
[[devices]]
name = "strap"
driver = "gatt-heart-rate"
address = "{_ADDRESS}"

[[devices]]
name = "cuff"
driver = "nonin-serial"
usb = "1234:abcd:{_USB_SERIAL}"

[[devices]]
name = "canary-broken"
driver = "polar-h10"
port = "/dev/serial/by-id/{_PORT}-2"

[[limits]]
measure = "spo2"
low = 98
priority = "high"
"""

_IDENTITIES = (
    _ADDRESS,
    _ADDRESS.replace(":", ""),
    _ADDRESS.replace(":", "_"),
    _USB_SERIAL,
    _PORT,
    "1234:abcd",
)
_NAMES = ("canary", "strap", "cuff", "nonin", "polar", "xpod", "gatt-", "heart-rate", "oximeter")
_VITALS = (*(quantity.refid for quantity in QUANTITIES.values()), "spo2", "SpO2", "mm[Hg]", "saturation", "MDC_")


def strings(data: bytes, least: int = 4) -> Iterator[str]:
    """Find what strings(1) finds: runs of printable ASCII, here of UTF-16 too."""
    for run in re.finditer(rb"[\x20-\x7e]{%d,}" % least, data):
        yield run.group().decode()
    for run in re.finditer(rb"(?:[\x20-\x7e]\0){%d,}" % least, data):
        yield run.group().decode("utf-16-le")


def codes() -> Iterator[bytes]:
    """MDC codes as CBOR spells them, and as JSON does: what an unsealed body would show."""
    for code in QUANTITIES:
        yield b"\x1a" + int(code).to_bytes(4, "big")
        yield str(int(code)).encode()


@contextlib.asynccontextmanager
async def _listening(port: int, heard: bytearray) -> AsyncIterator[None]:
    """Subscribe to everything, as the broker's owner can."""

    async def listen() -> None:
        async with mqtt.connect(Profile("owner", "127.0.0.1", port, subscriptions=("#",), retained=True)) as link:
            while True:
                message = await link.inbox.get()
                link.acknowledge(message)
                heard.extend(message.topic.encode() + b"\n" + message.payload + b"\n")

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listen())
        yield
        task.cancel()


def _assert_silent(place: str, data: bytes, canaries: Iterable[str]) -> None:
    text = "\n".join(strings(data)).lower()
    for canary in canaries:
        assert canary.lower() not in text, f"{place}: {canary}"
    for code in codes():
        assert code not in data, f"{place}: {code!r}"


@pytest.mark.timeout(180)
async def test_nothing_shows(tmp_path: Path) -> None:
    port = tmp_path / _PORT
    heard = bytearray()
    async with plain_broker(tmp_path, free_port()) as honest, EvilBroker(honest).serving() as tap:
        site = Site(tmp_path, tap.port, CLEAR, device("canary-alias", port) + _MORE)
        async with _listening(honest, heard), oximeters([port]) as (oximeter,):
            async with site.daemon() as daemon, site.collecting("--port", str(honest)):
                await site.until(lambda: len(site.charted()) >= 3)
                assert any(event["measure"] for event in site.events("alarm"))  # an alarm's value was on the wire
                oximeter._line.send(b"NONIN serial 501234567 SPO2=083 " * 8, 0)  # kept for diagnosis, sealed
                await site.until(lambda: site.events("rejected"))
                oximeter.close()  # unplugged: the next heartbeat says so
                await asyncio.sleep(12)
                answer = await site.send("status")
                assert answer["outcome"] == "done"
                await daemon.kill()
            await asyncio.sleep(0)
            said = bytes(daemon.said)
    state = {path.name: path.read_bytes() for path in site.state.rglob("*") if path.is_file()}
    assert "outbox.db" in state
    assert b"up/health" in heard
    assert b"up/live" in tap.seen
    for place, data in {**state, "subscriber": bytes(heard), "wire": bytes(tap.seen)}.items():
        _assert_silent(place, data, (*_IDENTITIES, *_NAMES, *_VITALS))
    _assert_silent("log", said, (*_IDENTITIES, *_VITALS))  # the journal names devices, by their aliases alone
