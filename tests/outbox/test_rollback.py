"""An end that forgets: after a power cut a hub's file is as it was some commits ago, and numbers are used again; or the
NOC's store is lost, and an old copy is put back."""

import asyncio
import json
import shutil
import tempfile
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.clock import Clock
from hub_agent.envelope import Confirmation, parse_batch, sign_confirmation
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Message
from hub_agent.outbox.epochs import Epochs
from hub_agent.topics import Topics
from tests.noc.ends import CONFIRM_KEY
from tests.outbox.journey import Hub, Line, Noc, reading
from tests.rooms import HUB
from tests.virtual import LoopClock, virtual_time

pytestmark = pytest.mark.usefixtures("unsynced")

LONG = pytest.mark.timeout(240)
"""As many stories as the profile says, 100 with ``scripts/test --all``: 20 s of work, and more on a busy machine."""


async def _fill(hub: Hub, numbers: range, clock: Clock) -> None:
    for number in numbers:
        await hub.commit([reading(number, clock)])


def _copy(here: Path, there: Path) -> None:
    for name in ("o.db", "o.db-wal"):
        if (here / name).exists():
            shutil.copyfile(here / name, there / name)


async def _set_back(tmp_path: Path, kept: range, forgotten: range) -> tuple[Hub, Noc, Line]:
    """Give a hub whose card kept the first commits alone, and a NOC that has them all and has said so."""
    card, image = tmp_path / "card", tmp_path / "image"
    card.mkdir()
    image.mkdir()
    hub, noc = Hub(card / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await _fill(hub, kept, hub.clock)
    _copy(card, image)
    await _fill(hub, forgotten, hub.clock)
    line = Line(noc)
    for row in await hub.outbox.after(ReadingClass.CONTINUOUS, 0, 100):
        record = hub.outbox.epoch_record(parse_batch(row.envelope).header.epoch)
        assert record is not None
        _ = line.publish(f"hubs/v1/{HUB}/up/keys", record)
        _ = line.publish(f"hubs/v1/{HUB}/up/live", row.envelope)
    await hub.die()
    for name in ("o.db", "o.db-wal", "o.db-shm"):
        (card / name).unlink(missing_ok=True)
    _copy(image, card)
    hub.open()
    return hub, noc, line


@virtual_time
async def test_words_about_numbers_that_a_card_forgot_delete_nothing_of_what_took_their_place(tmp_path: Path) -> None:
    hub, noc, line = await _set_back(tmp_path, range(1, 6), range(6, 9))
    await _fill(hub, range(60, 70), hub.clock)
    hub._hear(line, confirm=True)  # as a broker delivers them that kept them for the hub
    await hub.outbox.settle()
    await hub.die()
    hub.open()  # nothing new is in RAM any more
    again = await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(1, 9), *range(60, 70)]
    assert {fault.kind for fault in noc.faults} & {"clone", "fork"}
    assert hub.waiting()[0] == 0
    assert again.published
    await hub.outbox.close()


@virtual_time
async def test_a_word_about_a_batch_that_came_again_says_nothing_of_later_numbers(tmp_path: Path) -> None:
    hub, noc, _ = await _set_back(tmp_path, range(1, 6), range(6, 9))
    waited = [row.envelope for row in await hub.outbox.after(ReadingClass.CONTINUOUS, 0, 100)]
    await _fill(hub, range(60, 63), hub.clock)
    line = Line(noc)
    for envelope in waited:  # before anything that is new
        line.said += noc.take(f"hubs/v1/{HUB}/up/backlog", envelope)
    hub._hear(line, confirm=True)
    await hub.outbox.settle()
    assert hub.waiting()[0] == 3
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(1, 9), 60, 61, 62]
    await hub.outbox.close()


@virtual_time
async def test_a_word_says_nothing_of_numbers_for_which_a_forgotten_gap_record_stood(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.commit()
    await home.send()
    await home.say()
    await home.settle()
    await home.image_card()
    for _ in range(5):
        await home.commit()
    await home.hub.shed(10_000)
    await home.send()
    assert home.noc.events("gap")
    await home.set_back()
    await home.commit()
    await home.commit()
    await home.newest()
    await home.restart()  # nothing is in RAM any more
    await home.hub.drain(home.noc)
    assert set(home.stored) <= set(home.noc.numbers())
    await home.hub.outbox.close()


@virtual_time
async def test_what_was_rewritten_and_comes_by_itself_from_a_card_that_forgot_the_rewriting_is_charted_once(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    await home.minute()
    assert await home.rewritten()
    await home.send()
    assert sorted(home.noc.numbers()) == home.stored
    await home.set_back()
    assert not await home.rewritten()
    await home.commit()
    await home.hub.drain(home.noc)
    assert sorted(home.noc.numbers()) == home.stored
    assert {fault.kind for fault in home.noc.faults} == {"clone"}
    assert home.hub.waiting()[0] == 0
    await home.hub.outbox.close()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 4))
@settings(max_examples=50)
def test_each_number_belongs_to_one_epoch(lengths: list[int], spare: int) -> None:
    firsts = [1 + sum(lengths[:at]) for at in range(len(lengths))]
    last = sum(lengths) + spare
    epochs = Epochs((first, bytes([at]), b"record") for at, first in enumerate(firsts))
    spans = [epochs.span(bytes([at]), last) for at in range(len(lengths))]
    assert [number for span in spans for number in span] == list(range(1, last + 1))
    assert not epochs.span(b"unknown", last)


class Home:
    """A hub on a card that can be set back, and a broker that holds the NOC's words as long as it likes."""

    def __init__(self, here: Path) -> None:
        self.card, self.image = here / "card", here / "image"
        for place in (self.card, self.image):
            place.mkdir()
        self.hub, self.noc = Hub(self.card / "o.db", LoopClock()), Noc(here / "noc.db")
        self.copy = here / "copy.db"
        self.words: list[Confirmation] = []
        self.number = 0
        self.stored: list[int] = []
        self.kept: list[int] = []

    async def commit(self) -> None:
        self.number += 1
        await self.hub.commit([reading(self.number, self.hub.clock)])
        self.stored.append(self.number)

    async def minute(self) -> None:
        """Commit for a minute, with an image of the card from before the minute is rewritten into one batch."""
        for _ in range(7):
            await self.commit()
            await asyncio.sleep(10)
        await self.image_card()
        await self.hub.forwarder.rewrite()

    async def rewritten(self) -> bool:
        """Say whether a batch that stands for others waits."""
        return any(row.numbers > 1 for row in await self.hub.outbox.after(ReadingClass.CONTINUOUS, 0, 100))

    async def send(self) -> None:
        line = Hoarding(self.noc, self.words)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self.hub._send(line))
            await asyncio.sleep(0.5)
            line.lose("enough")
            await sending

    async def newest(self) -> None:
        """Send the newest batch before all others, as what is fresh goes, and hear what is said of it."""
        row = (await self.hub.outbox.after(ReadingClass.CONTINUOUS, 0, 100))[-1:]
        line = Hoarding(self.noc, self.words)
        for one in row:
            record = self.hub.outbox.epoch_record(parse_batch(one.envelope).header.epoch)
            assert record is not None
            _ = line.publish(f"hubs/v1/{HUB}/up/keys", record)
            _ = line.publish(f"hubs/v1/{HUB}/up/live", one.envelope)
            self.hub.outbox.sent(one.key)
            self.hub.forwarder.lanes.forget([one.key])
        await self.say()
        await self.settle()

    async def say(self) -> None:
        """Deliver every word that the broker was ever given."""
        for word in self.words:
            message = sign_confirmation(word, CONFIRM_KEY)
            self.hub.forwarder.confirmation(Message(Topics(HUB).confirm, message, False, 0))

    async def settle(self) -> None:
        await self.hub.outbox.settle()

    async def image_card(self) -> None:
        _copy(self.card, self.image)
        self.kept = [*self.stored]

    async def restart(self) -> None:
        await self.hub.die()
        self.hub.open()

    async def copy_noc(self) -> None:
        self.copy.unlink(missing_ok=True)
        self.noc.store._db.execute("VACUUM INTO ?", (str(self.copy),))

    async def restore_noc(self) -> None:
        """Put the copy in the place of the NOC's store, as after the loss of its disk."""
        store = self.noc.store
        store.close()
        for suffix in ("", "-wal", "-shm"):
            store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.copy, store.path)
        self.noc.open()

    async def beat(self) -> None:
        self.noc.take(Topics(HUB).health, json.dumps(self.hub.health()).encode())

    async def set_back(self) -> None:
        await self.hub.die()
        for name in ("o.db", "o.db-wal", "o.db-shm"):
            (self.card / name).unlink(missing_ok=True)
        _copy(self.image, self.card)
        self.stored = [*self.kept]
        self.hub.open()


class Hoarding(Line):
    """A line whose words go to a broker that keeps them."""

    def __init__(self, noc: Noc, words: list[Confirmation]) -> None:
        super().__init__(noc)
        self.said = words


DEEDS = st.sampled_from([
    ("commit", "commit"),
    ("image_card", "commit", "commit", "send", "set_back"),
    ("minute",),
    ("newest",),
    ("minute", "send", "set_back"),
    ("send",),
    ("say", "settle", "restart"),
    ("commit", "say"),
    ("set_back",),
])  # fmt: skip


@given(st.lists(DEEDS, min_size=2, max_size=12).map(chain.from_iterable).map(list))
@settings(deadline=None)
@LONG
def test_whatever_a_card_forgets_and_a_broker_repeats_all_that_is_stored_is_charted_once(deeds: list[str]) -> None:
    @virtual_time
    async def run(here: Path) -> None:
        home = Home(here)
        for deed in deeds:
            await getattr(home, deed)()
        await home.hub.drain(home.noc)
        charted = home.noc.numbers()
        assert sorted(set(charted)) == sorted(charted)
        assert set(home.stored) <= set(charted)
        assert not await home.hub.outbox.oldest()
        await home.hub.outbox.close()
        home.noc.store.close()
        Noc.opened.remove(home.noc)

    with tempfile.TemporaryDirectory() as here:
        run(Path(here))


LOSSES = st.sampled_from([
    ("commit", "commit"),
    ("minute",),
    ("send",),
    ("send", "say", "settle"),
    ("newest",),
    ("say", "settle", "restart"),
    ("copy_noc",),
    ("restore_noc",),
    ("beat",),
])  # fmt: skip


@given(st.lists(LOSSES, min_size=2, max_size=12).map(chain.from_iterable).map(list))
@settings(deadline=None)
@LONG
def test_what_a_noc_lost_with_its_store_comes_again_or_is_told_as_a_gap(deeds: list[str]) -> None:
    @virtual_time
    async def run(here: Path) -> None:
        home = Home(here)
        await home.copy_noc()
        for deed in deeds:
            await getattr(home, deed)()
        await home.hub.drain(home.noc)
        await home.beat()
        rows = home.noc.store._db.execute("SELECT measurements ->> '$[0][2]' FROM readings ORDER BY 1").fetchall()
        charted = [number for (number,) in rows]
        assert len(charted) == len(set(charted))
        lost = set(home.stored) - set(charted)
        faults = {fault.kind for fault in home.noc.store.faults.open()}
        assert faults == ({"gap"} if lost else set())
        await home.hub.outbox.close()
        home.noc.store.close()
        Noc.opened.remove(home.noc)

    with tempfile.TemporaryDirectory() as here:
        run(Path(here))


class Copied(Home):
    """A hub, and after a while another one that runs from a copy of its card; the broker gives both every word."""

    def __init__(self, here: Path) -> None:
        super().__init__(here)
        self.here = here
        self.hubs = [self.hub]

    async def clone(self) -> None:
        if len(self.hubs) == 1:
            card = self.here / "other"
            card.mkdir()
            _copy(self.card, card)
            self.hubs.append(Hub(card / "o.db", LoopClock()))

    async def swap(self) -> None:
        """Let the following be about the other one."""
        self.hubs.reverse()
        self.hub = self.hubs[0]

    async def restart(self) -> None:
        await self.hub.die()
        self.hub.open()

    async def say(self) -> None:
        for hub in self.hubs:
            for word in self.words:
                message = sign_confirmation(word, CONFIRM_KEY)
                hub.forwarder.confirmation(Message(Topics(HUB).confirm, message, False, 0))

    async def shed(self) -> None:
        """Lose the oldest that waits here, be it charted or not."""
        await self.hub.shed(2000)


TWO = st.sampled_from([
    ("commit", "commit"),
    ("minute",),
    ("clone",),
    ("swap",),
    ("clone", "swap", "commit", "newest"),
    ("send",),
    ("newest",),
    ("say", "settle"),
    ("restart",),
    ("shed",),
])  # fmt: skip


@given(st.lists(TWO, min_size=2, max_size=14).map(chain.from_iterable).map(list))
@settings(deadline=None)
@LONG
def test_of_two_hubs_from_one_card_each_reading_is_charted_once_or_named_in_a_gap_record(deeds: list[str]) -> None:
    @virtual_time
    async def run(here: Path) -> None:
        home = Copied(here)
        for deed in deeds:
            await getattr(home, deed)()
        for hub in home.hubs:
            await hub.die()
            hub.open()  # nothing that waits is in RAM
            await hub.drain(home.noc)
            assert hub.waiting()[0] == 0
        charted = home.noc.numbers()
        assert len(charted) == len(set(charted))
        lost = set(home.stored) - set(charted)
        assert len(lost) <= sum(gap.fields["items"] for gap in home.noc.events("gap"))
        for hub in home.hubs:
            await hub.outbox.close()
        home.noc.store.close()
        Noc.opened.remove(home.noc)

    with tempfile.TemporaryDirectory() as here:
        run(Path(here))
