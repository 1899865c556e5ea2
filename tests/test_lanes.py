"""Which batch goes next: alarms first, fresh before old, nothing lost, nothing stuck."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub_agent.flights import Choice
from hub_agent.lanes import FRESH_BATCHES, FRESH_S, Lanes
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Committed, class_of, key_of, seq_of
from hub_agent.pace import FIRST_BYTES

WINDOW, HORIZON, RESEND_S, PAGE = 6, 12, 10.0, 4
SIZE = 2000


def batch(cls: ReadingClass, seq: int) -> Committed:
    return Committed(key_of(cls, seq), 1, bytes(SIZE), (0,))


class Sender:
    """The lanes with an outbox and a broker round them, used as the forwarder uses them."""

    def __init__(self) -> None:
        self.lanes = Lanes(WINDOW, HORIZON, RESEND_S)
        self.now_s = 1000.0
        self.seq = 0
        self.started = False
        self.stored: dict[int, Committed] = {}
        """What waits in the outbox, by row key."""
        self.at_broker: list[tuple[int, bool]] = []
        """Published and not acknowledged: (key, fresh), in order."""
        self.took: Counter[int] = Counter()
        """How often the broker took each number."""
        self.charted: set[int] = set()
        self.aside: set[int] = set()
        self.sent_at_s: dict[int, float] = {}

    def commit(self, cls: ReadingClass, *, offered: bool = True) -> int:
        """Store a batch; not offered: it was there before the start."""
        self.seq += 1
        made = batch(cls, self.seq)
        self.stored[made.key] = made
        if offered:
            self.lanes.add([made], self.now_s)
        return self.seq

    def choose(self) -> Choice | None:
        """Do one step of sending: read what is wanted until nothing more is, then choose."""
        self.started = True
        while True:
            wanted = self.lanes.wants()
            if wanted is not None:
                cls, behind = wanted
                rows = [self.stored[key] for key in sorted(self.stored) if key > behind and class_of(key) is cls][:PAGE]
                self.lanes.refill(cls, behind, rows, exhausted=len(rows) < PAGE)
            choice = self.lanes.choose(self.now_s)
            if choice is not None:
                self.at_broker.append((choice.batch.key, choice.fresh))
                self.sent_at_s[seq_of(choice.batch.key)] = self.now_s
                return choice
            if self.lanes.wants() is None:
                return None

    def send_all(self) -> list[Choice]:
        """Send until nothing more may go."""
        choices = []
        while (choice := self.choose()) is not None:
            choices.append(choice)
        return choices

    def puback(self, place: int = 0) -> int:
        """Let the broker take one."""
        key, _ = self.at_broker.pop(place)
        self.lanes.acknowledged(key, self.now_s)
        self.took[seq_of(key)] += 1
        return seq_of(key)

    def confirm(self, first: int, last: int) -> None:
        """Let the NOC confirm a range of what it has."""
        self.charted |= set(range(first, last + 1))
        self.lanes.confirmed(first, last, self.now_s)
        for key in [key for key in self.stored if first <= seq_of(key) <= last]:
            del self.stored[key]

    def cut(self) -> None:
        """Lose the link."""
        self.at_broker.clear()
        self.lanes.disconnected(self.now_s)

    def drain(self) -> None:
        """Let everything work again for long enough."""
        for _ in range(200):
            self.send_all()
            while self.at_broker:
                seq = self.puback()
                self.confirm(seq, seq)
            if not {seq_of(key) for key in self.stored} - self.aside:
                return
            self.now_s += 5.0  # what seemed to kill the link comes back within ten minutes


@pytest.fixture
def sender() -> Sender:
    return Sender()


def sequence(choices: list[Choice]) -> list[int]:
    return [seq_of(choice.batch.key) for choice in choices]


def test_alarms_go_first_new_before_old_then_the_more_valuable(sender: Sender) -> None:
    old_alarm = sender.commit(ReadingClass.ALARM, offered=False)
    backlog = sender.commit(ReadingClass.EPISODIC, offered=False)
    continuous = sender.commit(ReadingClass.CONTINUOUS)
    episodic = sender.commit(ReadingClass.EPISODIC)
    alarm = sender.commit(ReadingClass.ALARM)
    assert sequence(sender.send_all()) == [alarm, old_alarm, episodic, continuous, backlog]


def test_what_is_confirmed_while_it_waits_at_hand_is_not_sent(sender: Sender) -> None:
    waiting = [sender.commit(ReadingClass.CONTINUOUS, offered=False) for _ in range(PAGE)]
    first = sender.choose()
    assert first is not None  # the others are at hand now
    sender.confirm(waiting[1], waiting[2])
    assert sequence(sender.send_all()) == [waiting[3]]


def test_a_fresh_alarm_passes_a_full_horizon(sender: Sender) -> None:
    for _ in range(HORIZON):
        sender.commit(ReadingClass.CONTINUOUS)
    while sender.send_all():
        while sender.at_broker:
            sender.puback()
    assert len(sender.lanes.flights) == HORIZON
    sender.commit(ReadingClass.CONTINUOUS)
    assert sender.send_all() == []
    alarm = sender.commit(ReadingClass.ALARM)
    assert sequence(sender.send_all()) == [alarm]


def test_the_backlog_has_half_of_the_window(sender: Sender) -> None:
    for _ in range(20):
        sender.commit(ReadingClass.CONTINUOUS, offered=False)
    assert sequence(sender.send_all()) == [1, 2, 3]
    fresh = [sender.commit(ReadingClass.CONTINUOUS) for _ in range(5)]
    assert sequence(sender.send_all()) == fresh[:3]


def test_a_noc_that_does_not_confirm_gets_a_bounded_backlog_and_all_that_is_fresh(sender: Sender) -> None:
    for _ in range(20):
        sender.commit(ReadingClass.CONTINUOUS, offered=False)
    sent = []
    while choices := sender.send_all():
        sent += sequence(choices)
        while sender.at_broker:
            sender.puback()
    assert sent == list(range(1, FIRST_BYTES // SIZE + 1))
    assert sender.lanes.flights.backlog_bytes == len(sent) * SIZE
    fresh = sender.commit(ReadingClass.CONTINUOUS)
    assert sequence(sender.send_all()) == [fresh]
    sender.confirm(1, 1)
    assert sequence(sender.send_all()) == [9, 10]  # a place is free, and the NOC was quick: there is room for more
    sender.drain()
    assert sender.lanes.flights.backlog_bytes == sender.lanes.flights.bytes == 0


def test_what_is_fresh_grows_old(sender: Sender) -> None:
    seq = sender.commit(ReadingClass.CONTINUOUS)
    sender.now_s += FRESH_S + 0.1
    (choice,) = sender.send_all()
    assert (seq_of(choice.batch.key), choice.fresh) == (seq, False)


def test_more_fresh_batches_than_fit_fall_back_to_the_outbox_and_are_found_there(sender: Sender) -> None:
    for _ in range(FRESH_BATCHES + 5):
        sender.commit(ReadingClass.CONTINUOUS)
    first = sequence(sender.send_all())
    assert first == [6, 7, 8, 9, 10, 11]
    sender.drain()
    assert sender.stored == {}


def test_what_grows_old_hides_nothing_that_was_already_read(sender: Sender) -> None:
    first = sender.commit(ReadingClass.EPISODIC)
    sender.now_s += 20
    sender.commit(ReadingClass.EPISODIC)
    third = sender.commit(ReadingClass.EPISODIC)
    sender.now_s += 15
    for _ in range(WINDOW - 1):
        sender.commit(ReadingClass.ALARM)
    sender.send_all()  # the first fell back and was read again; the third is fresh, and the cursor is behind it
    while sender.at_broker:
        seq = sender.puback()
        sender.confirm(seq, seq)
    sender.now_s += 20  # now the third falls back too
    assert sequence(sender.send_all()) == [first, third]


def test_an_alarm_grows_old_at_its_place(sender: Sender) -> None:
    waiting = sender.commit(ReadingClass.CONTINUOUS)
    sender.send_all()
    alarm = sender.commit(ReadingClass.ALARM)
    sender.cut()
    sender.now_s += FRESH_S + 10
    assert sequence(sender.send_all()) == [alarm, waiting]


def test_what_the_link_swallowed_goes_first_on_the_next_one(sender: Sender) -> None:
    swallowed = [sender.commit(ReadingClass.CONTINUOUS) for _ in range(3)]
    sender.send_all()
    taken = sender.puback()
    sender.cut()
    fresh = sender.commit(ReadingClass.EPISODIC)
    assert sequence(sender.send_all()) == [seq for seq in swallowed if seq != taken] + [fresh]


def test_what_is_not_confirmed_in_time_goes_again_as_backlog(sender: Sender) -> None:
    seq = sender.commit(ReadingClass.CONTINUOUS)
    sender.send_all()
    assert sender.lanes.next_s(sender.now_s) is None  # the broker has not even taken it
    sender.puback()
    assert sender.lanes.next_s(sender.now_s) == sender.now_s + RESEND_S
    sender.now_s += RESEND_S - 0.1
    assert sender.send_all() == []
    sender.now_s += 0.2
    (choice,) = sender.send_all()
    assert (seq_of(choice.batch.key), choice.fresh) == (seq, False)
    assert sender.lanes.flights[seq].attempts == 2


def test_a_full_horizon_is_sent_again_when_the_broker_forgot_it(sender: Sender) -> None:
    """A broker that was killed had taken everything, and has nothing left to give to the NOC."""
    for _ in range(HORIZON):
        sender.commit(ReadingClass.CONTINUOUS)
    while sender.send_all():
        while sender.at_broker:
            sender.puback()
    sender.cut()
    sender.now_s += RESEND_S
    sender.drain()
    assert sender.stored == {}


def test_an_alarm_that_the_link_swallowed_goes_before_everything(sender: Sender) -> None:
    sender.commit(ReadingClass.CONTINUOUS)
    sender.commit(ReadingClass.CONTINUOUS)
    sender.send_all()
    alarm = sender.commit(ReadingClass.ALARM)
    sender.send_all()
    sender.cut()
    assert sequence(sender.send_all())[0] == alarm


def test_a_batch_set_aside_is_not_sent_again(sender: Sender) -> None:
    seq = sender.commit(ReadingClass.CONTINUOUS)
    (choice,) = sender.send_all()
    sender.puback()
    sender.lanes.set_aside(choice.batch.key)
    sender.cut()
    sender.now_s += 100
    assert sender.send_all() == []
    assert seq in {seq_of(key) for key in sender.stored}


class LanesMachine(RuleBasedStateMachine):
    """Anything may happen in any order; the promises hold all the time, and in the end everything is delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = Sender()
        self.rewriting: list[int] = []

    @rule(cls=st.sampled_from(ReadingClass), offered=st.booleans(), times=st.integers(1, 9))
    def commit(self, cls: ReadingClass, offered: bool, times: int) -> None:  # noqa: FBT001 - drawn
        for _ in range(times):
            # what nobody offers is there from before the start
            self.sender.commit(cls, offered=offered or self.sender.started)

    @rule()
    def send(self) -> None:
        sender = self.sender
        choice = sender.choose()
        if choice is None:
            return
        seq, cls = seq_of(choice.batch.key), class_of(choice.batch.key)
        assert seq not in sender.aside
        assert choice.batch.key in sender.stored
        assert choice.batch.key not in self.rewriting
        if cls is not ReadingClass.ALARM:
            unsent = [k for k in sender.stored if class_of(k) is ReadingClass.ALARM and not self.in_flight(k)]
            assert [k for k in unsent if seq_of(k) not in sender.aside] == []

    def in_flight(self, key: int) -> bool:
        return seq_of(key) in self.sender.lanes.flights

    @precondition(lambda self: self.sender.at_broker)
    @rule(data=st.data())
    def puback(self, data: st.DataObject) -> None:
        self.sender.puback(data.draw(st.integers(0, len(self.sender.at_broker) - 1)))

    @precondition(lambda self: self.sender.at_broker)
    @rule(data=st.data())
    def not_taken(self, data: st.DataObject) -> None:
        """The broker says no, or has nobody to give it to."""
        key, _ = self.sender.at_broker.pop(data.draw(st.integers(0, len(self.sender.at_broker) - 1)))
        self.sender.lanes.returned(key, self.sender.now_s)

    @precondition(lambda self: self.sender.sent_at_s)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        """The NOC may be quicker than the broker's PUBACK."""
        seq = data.draw(st.sampled_from(sorted(self.sender.sent_at_s)))
        self.sender.confirm(seq, seq)

    @precondition(lambda self: self.sender.lanes.flights)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.sender.lanes.flights)))
        self.sender.aside.add(seq)
        self.sender.lanes.set_aside(self.sender.lanes.flights[seq].batch.key)

    @precondition(lambda self: not self.rewriting)
    @rule()
    def begin_to_rewrite(self) -> None:
        """Put what nobody has sent into one batch, which takes a moment."""
        sender = self.sender
        unsent = [key for key in sorted(sender.stored) if seq_of(key) not in sender.sent_at_s]
        self.rewriting = [key for key in unsent if class_of(key) is ReadingClass.CONTINUOUS][:3]
        sender.lanes.withhold(self.rewriting)

    @precondition(lambda self: self.rewriting)
    @rule(done=st.booleans())
    def end_to_rewrite(self, done: bool) -> None:  # noqa: FBT001 - drawn
        sender = self.sender
        if done:
            for key in self.rewriting:
                del sender.stored[key]
            sender.commit(ReadingClass.CONTINUOUS, offered=False)
            sender.lanes.forget(self.rewriting)
        sender.lanes.release(self.rewriting)
        self.rewriting = []

    @rule()
    def cut(self) -> None:
        self.sender.cut()

    @rule(seconds=st.sampled_from([0.1, 1.0, 9.0, 11.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.sender.now_s += seconds

    @invariant()
    def the_window_holds(self) -> None:
        assert len(self.sender.at_broker) <= WINDOW

    @invariant()
    def the_backlog_has_at_most_half(self) -> None:
        backlog = [key for key, fresh in self.sender.at_broker if not fresh and class_of(key) is not ReadingClass.ALARM]
        assert len(backlog) <= WINDOW // 2

    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert set(self.sender.lanes.flights) <= {seq_of(key) for key in self.sender.stored}

    def teardown(self) -> None:
        if self.rewriting:
            self.end_to_rewrite(done=False)
        self.sender.now_s += RESEND_S
        self.sender.drain()
        assert {seq_of(key) for key in self.sender.stored} <= self.sender.aside


LanesMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestLanes = LanesMachine.TestCase
