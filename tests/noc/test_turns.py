"""What goes first at the NOC, and how much at once."""

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.mqtt import Message
from hub_agent.noc.turns import BYTES_MAX, MESSAGES_MAX, Turns

NAMES = ("alarm", "keys", "live", "health", "status", "unknown", "backlog")
ORDER = {"alarm": 0, "keys": 0, "backlog": 2}


def message(name: str, mid: int, size: int = 100) -> Message:
    return Message(f"hubs/v1/hub-{mid % 3}/up/{name}", bytes(size), False, mid)


def taken(turns: Turns) -> list[int]:
    return [one.mid for one in turns.take()]


def test_an_alarm_passes_everybody_s_backlog() -> None:
    turns = Turns()
    for mid in range(1, 201):
        turns.add(message("backlog", mid, 1500))
    assert len(taken(turns)) <= BYTES_MAX // 1500 + 1
    turns.add(message("live", 201))
    turns.add(message("alarm", 202))
    assert taken(turns) == [202]
    assert taken(turns)[0] == 201


def test_an_epoch_s_record_stays_before_the_alarm_that_needs_it() -> None:
    turns = Turns()
    turns.add(message("backlog", 1))
    turns.add(message("keys", 2))
    turns.add(message("alarm", 3))
    assert taken(turns) == [2, 3]
    assert taken(turns) == [1]


def test_alarms_without_end_hold_up_nobody() -> None:
    turns = Turns()
    turns.add(message("backlog", 1))
    turns.add(message("alarm", 2))
    assert taken(turns) == [2]
    turns.add(message("alarm", 3))
    assert taken(turns) == [3, 1]
    turns.add(message("alarm", 4))
    turns.add(message("live", 5))
    assert taken(turns) == [4]
    assert taken(turns) == [5]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 70_000)), max_size=700))
def test_all_are_taken_once_in_order_and_never_too_much_at_once(messages: list[tuple[str, int]]) -> None:
    turns = Turns()
    for mid, (name, size) in enumerate(messages):
        turns.add(message(name, mid, size))
    found: list[int] = []
    while turns:
        one = turns.take()
        assert 1 <= len(one) <= MESSAGES_MAX
        assert sum(len(each.payload) for each in one[:-1]) < BYTES_MAX
        found += [each.mid for each in one]
    assert turns.take() == []
    assert found == sorted(range(len(messages)), key=lambda mid: (ORDER.get(messages[mid][0], 1), mid))
