"""What is remembered of serial numbers."""

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.ble.serial_numbers import STATE, SerialNumbers
from hub_agent.errors import FullError

ADDRESS = "F0:00:00:00:00:01"


class Card:
    """Local state on a card that may be full."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    async def state(self, name: str) -> bytes | None:
        return self.kept.get(name)

    async def save(self, name: str, value: bytes) -> None:
        if self.full:
            raise FullError("no room")
        self.kept[name] = value


async def test_the_first_number_counts_also_after_a_restart() -> None:
    card = Card()
    numbers = await SerialNumbers.load(card, {"oximeter"})
    assert await numbers.agrees("oximeter", ADDRESS, b"17")
    again = await SerialNumbers.load(card, {"oximeter"})
    assert again.known("oximeter", ADDRESS)
    assert await again.agrees("oximeter", ADDRESS, b"17\0")
    assert not await again.agrees("oximeter", ADDRESS, b"18")
    assert not await again.agrees("oximeter", ADDRESS, None)


async def test_a_device_without_a_number_is_taken_and_its_first_number_counts() -> None:
    numbers = await SerialNumbers.load(Card(), {"oximeter"})
    assert await numbers.agrees("oximeter", ADDRESS, None)
    assert await numbers.agrees("oximeter", ADDRESS, b"\0\0")
    assert not numbers.known("oximeter", ADDRESS)
    assert await numbers.agrees("oximeter", ADDRESS, b"17")
    assert not await numbers.agrees("oximeter", ADDRESS, b"")


async def test_another_address_is_another_device() -> None:
    numbers = await SerialNumbers.load(Card(), {"oximeter"})
    assert await numbers.agrees("oximeter", ADDRESS, b"17")
    assert await numbers.agrees("oximeter", "F0:00:00:00:00:02", b"18")


async def test_a_device_that_was_removed_is_met_anew() -> None:
    card = Card()
    assert await (await SerialNumbers.load(card, {"oximeter"})).agrees("oximeter", ADDRESS, b"17")
    await SerialNumbers.load(card, set())
    assert await (await SerialNumbers.load(card, {"oximeter"})).agrees("oximeter", ADDRESS, b"18")


async def test_a_full_card_keeps_nobody_from_being_read() -> None:
    card = Card()
    numbers = await SerialNumbers.load(card, {"oximeter"})
    card.full = True
    assert await numbers.agrees("oximeter", ADDRESS, b"17")
    assert not await numbers.agrees("oximeter", ADDRESS, b"18")


@given(number=st.binary(min_size=4, max_size=24), address=st.from_regex(r"\A([0-9A-F]{2}:){5}[0-9A-F]{2}\Z"))
async def test_what_is_kept_names_nobody(number: bytes, address: str) -> None:
    card = Card()
    numbers = await SerialNumbers.load(card, {"oximeter"})
    await numbers.agrees("oximeter", address, b"#" + number)
    kept = card.kept[STATE]
    assert number not in kept
    assert address.encode() not in kept
    assert number.hex().encode() not in kept
