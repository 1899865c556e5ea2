"""What goes again and when: a silent NOC, a slow broker, a batch that kills links."""

import pytest

from hub_agent.flights import ASIDE_S, SUSPECT, Choice
from hub_agent.lanes import HORIZON_BYTES, Lanes
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Committed, class_of, key_of, seq_of

RESEND_S = 10.0


def _batch(seq: int, cls: ReadingClass = ReadingClass.CONTINUOUS, size: int = 100) -> Committed:
    return Committed(key_of(cls, seq), 1, bytes(size))


class _Bench:
    """Lanes in front of an outbox that is a dictionary, and a clock that stands still until it is moved."""

    def __init__(self, *, window: int = 20, horizon: int = 512) -> None:
        self.lanes = Lanes(window, horizon, RESEND_S)
        self.outbox: dict[int, Committed] = {}
        self.now_s = 100.0
        self.lanes.connected(self.now_s, 0.0, 0.0)

    def store(self, *batches: Committed) -> None:
        self.outbox |= {batch.key: batch for batch in batches}

    def offer(self, *batches: Committed) -> None:
        self.store(*batches)
        self.lanes.add(batches, self.now_s)

    def next(self) -> Choice | None:
        while (wanted := self.lanes.wants()) is not None:
            cls, behind = wanted
            rows = sorted(key for key in self.outbox if class_of(key) is cls and key > behind)
            self.lanes.refill(cls, behind, [self.outbox[key] for key in rows[:4]], exhausted=len(rows) <= 4)
        return self.lanes.choose(self.now_s)

    def all(self) -> list[Choice]:
        chosen = []
        while (choice := self.next()) is not None:
            chosen.append(choice)
        return chosen

    def seqs(self) -> list[int]:
        return [seq_of(choice.batch.key) for choice in self.all()]

    def take(self, *choices: Choice) -> None:
        for choice in choices:
            self.lanes.acknowledged(choice.batch.key, self.now_s)

    def confirm(self, *seqs: int) -> None:
        for seq in seqs:
            self.lanes.confirmed(seq, seq, self.now_s)
            self.outbox = {key: batch for key, batch in self.outbox.items() if seq_of(key) != seq}

    def cut(self) -> list[int]:
        killers = [seq_of(flight.batch.key) for flight in self.lanes.disconnected(self.now_s)]
        self.lanes.connected(self.now_s, 0.0, 0.0)
        return killers


def test_a_silent_noc_is_asked_with_one_batch_and_not_flooded() -> None:
    bench = _Bench()
    bench.offer(*map(_batch, range(1, 9)))
    bench.take(*bench.all())
    asked = []
    for _ in range(60):
        bench.now_s += 1
        chosen = bench.all()
        bench.take(*chosen)
        asked += [(bench.now_s, seq_of(choice.batch.key)) for choice in chosen]
    assert [at_s - 100 for at_s, _ in asked] == [10, 20, 30, 40, 50, 60]
    assert (bench.lanes.next_s(bench.now_s) or 0) == bench.now_s + RESEND_S
    bench.confirm(asked[0][1])
    assert bench.seqs() == [7, 8, 2, 3, 4, 5]  # it is there again: everything that is overdue goes at once


def test_beyond_the_horizon_only_alarms_go_and_what_is_overdue_goes_again() -> None:
    bench = _Bench(horizon=4)
    bench.offer(*map(_batch, range(1, 9)))
    chosen = bench.all()
    assert [seq_of(choice.batch.key) for choice in chosen] == [1, 2, 3, 4]
    bench.take(*chosen)
    bench.offer(_batch(20, ReadingClass.ALARM))
    bench.take(*(alarm := bench.all()))
    assert [seq_of(choice.batch.key) for choice in alarm] == [20]
    bench.now_s += RESEND_S
    assert bench.seqs() == [20]  # the broker may have lost them all; the alarm asks the NOC first
    bench.confirm(20)
    assert bench.seqs() == [1, 2, 3, 4]


def test_unconfirmed_batches_take_no_more_memory_than_the_horizon() -> None:
    bench = _Bench(window=1000)
    bench.offer(*(_batch(seq, size=HORIZON_BYTES // 8) for seq in range(1, 30)))
    assert len(bench.all()) == 8
    bench.confirm(1)
    assert len(bench.all()) == 1


# --- what kills links -------------------------------------------------------------------------------------------------


def _until_alone(bench: _Bench, deadly: int) -> list[list[int]]:
    """Let the link die whenever a batch is on it; give what was on each link, to the trial."""
    links = []
    while True:
        chosen = bench.all()
        links.append([seq_of(choice.batch.key) for choice in chosen])
        if deadly not in links[-1]:
            bench.take(*chosen)
            continue
        if bench.cut():
            return links


def test_a_batch_that_kills_the_link_is_found_and_set_aside_and_the_others_go_on() -> None:
    bench = _Bench()
    bench.offer(*map(_batch, range(1, 6)))
    links = _until_alone(bench, 3)
    assert links == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1], [2], [3]]
    rest = bench.all()
    assert [seq_of(choice.batch.key) for choice in rest] == [4]
    bench.take(*rest)
    bench.take(*(last := bench.all()))
    assert [seq_of(choice.batch.key) for choice in last] == [5]
    bench.confirm(1, 2, 4, 5)
    bench.now_s += ASIDE_S - 1
    assert bench.seqs() == []


def test_what_was_set_aside_comes_back_and_is_set_aside_for_longer() -> None:
    bench = _Bench()
    bench.offer(_batch(1))
    waits = []
    for _ in range(6):
        _until_alone(bench, 1)
        aside_s = bench.now_s
        while not (back := bench.all()):
            bench.now_s += 1
        waits.append(bench.now_s - aside_s)
        assert bench.cut() == []  # it has been seen to kill a link before, but not alone on this one
    assert [wait_s - 1 for wait_s in waits] == [60, 120, 240, 480, 600, 600]  # it is read on the turn after
    back = bench.all()
    bench.take(*back)  # it was the link all the same
    bench.confirm(1)
    assert len(bench.lanes.flights) == 0


def test_a_link_that_is_cut_now_and_then_sets_nothing_aside() -> None:
    bench = _Bench()
    bench.offer(*map(_batch, range(1, 6)))
    for _ in range(20):
        bench.all()
        assert bench.cut() == []
        while chosen := bench.all():
            bench.take(*chosen)
        bench.now_s += RESEND_S
        bench.lanes.confirmed(99, 99, bench.now_s)  # the NOC is there, and has not got them


def test_nothing_shares_the_fate_of_a_batch_on_trial() -> None:
    bench = _Bench()
    bench.offer(_batch(1), _batch(2))
    for _ in range(SUSPECT):
        bench.all()
        bench.cut()
    assert bench.seqs() == [1]
    bench.offer(_batch(3, ReadingClass.ALARM))
    assert bench.seqs() == []
    assert bench.cut() == [1]
    assert bench.seqs() == [3]  # and before an alarm no trial begins


@pytest.mark.parametrize(("cls", "within_s"), [(ReadingClass.ALARM, 2.0), (ReadingClass.CONTINUOUS, RESEND_S + 2.0)])
def test_a_stream_on_a_slow_link_keeps_no_suspect_from_its_trial(cls: ReadingClass, within_s: float) -> None:
    """There is always a PUBACK to come when each takes longer than the next reading."""
    bench = _Bench()
    bench.offer(_batch(1, cls))
    for _ in range(SUSPECT):
        bench.all()
        bench.cut()
    began_s, at_broker = bench.now_s, list[tuple[float, Choice]]()
    sent_at_s: dict[int, float] = {}
    for seq in range(2, 60):
        bench.offer(_batch(seq))
        bench.now_s += 1.0
        for answered_s, choice in [one for one in at_broker if one[0] <= bench.now_s]:
            at_broker.remove((answered_s, choice))
            bench.take(choice)
            bench.confirm(seq_of(choice.batch.key))
        for choice in bench.all():
            at_broker.append((bench.now_s + 1.5, choice))
            sent_at_s[seq_of(choice.batch.key)] = bench.now_s
    assert sent_at_s[1] - began_s <= within_s
    assert max(sent_at_s[seq] - (began_s + seq - 1) for seq in range(2, 58)) <= 4  # and it keeps nobody for long


def test_alarms_are_tried_first_and_not_set_aside_for_long() -> None:
    bench = _Bench()
    bench.offer(_batch(1), _batch(2), _batch(3, ReadingClass.ALARM))
    for _ in range(SUSPECT):
        bench.all()
        bench.cut()
    bench.offer(_batch(4))
    assert bench.seqs() == [3]
    assert bench.cut() == [3]
    waits = []
    for _ in range(5):
        aside_s = bench.now_s
        while 3 not in bench.seqs():
            bench.cut()
            bench.now_s += 1
        waits.append(bench.now_s - aside_s)
        assert bench.cut() == []
        assert bench.seqs() == [3]
        assert bench.cut() == [3]
    assert [wait_s - 1 for wait_s in waits] == [10, 20, 40, 60, 60]


def test_what_waits_for_its_trial_is_in_a_hurry_too() -> None:
    bench = _Bench()
    bench.offer(_batch(1, ReadingClass.ALARM))
    hurries = []
    for _ in range(SUSPECT + 1):
        bench.all()
        assert not bench.lanes.urgent()  # all of it is with the broker
        bench.lanes.disconnected(bench.now_s)
        hurries.append(bench.lanes.urgent())
    assert hurries == [True, True, False]  # at last it is set aside


def test_what_was_set_aside_before_a_restart_and_is_refused_again_does_not_go_again_and_again() -> None:
    bench = _Bench()
    poison = _batch(1)
    bench.store(poison)
    bench.lanes.flights.set_aside_again([poison.key], bench.now_s)
    while not (back := bench.all()):
        bench.now_s += 1.0
    bench.take(*back)
    bench.lanes.set_aside(poison.key)
    for _ in range(600):
        bench.now_s += 1.0
        assert bench.all() == []
    assert bench.lanes.flights.ever_set_aside() == {poison.key}
