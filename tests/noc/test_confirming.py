"""What is told to hubs, and when."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent.envelope import Confirmation, open_confirmation
from hub_agent.noc.confirming import PER_MESSAGE, Confirming, Parcel
from hub_agent.noc.outcome import Word

KEY = Ed25519PrivateKey.generate()
A, B = "hub-a", "hub-b"
OLD, NEW = b"epoch-1-", b"epoch-2-"


def read(parcels: list[Parcel]) -> list[Confirmation]:
    return [open_confirmation(parcel.message, [KEY.public_key()]) for parcel in parcels]


def test_words_wait_for_company_and_go_in_one_message() -> None:
    confirming = Confirming(KEY, 0.25)
    confirming.add({A: Word({(NEW, 1, 4)}), B: Word({(NEW, 9, 9)})}, 10.0)
    confirming.add({A: Word({(NEW, 5, 5), (NEW, 7, 8)}, refused={(NEW, 6): "bad_body"})}, 10.2)
    assert confirming.next_due_s() == 10.25
    assert confirming.due(10.2, 77, 9) == []
    words = read(confirming.due(10.25, 77, 9))
    assert words == [
        Confirmation(A, 77, ((NEW, 1, 5), (NEW, 7, 8)), (), ((NEW, 6, "bad_body"),)),
        Confirmation(B, 77, ((NEW, 9, 9),)),
    ]
    assert (confirming.next_due_s(), confirming.due(99.0, 77, 9)) == (None, [])


def test_an_alarm_and_a_question_go_at_once_with_all_that_waits() -> None:
    confirming = Confirming(KEY, 3600)
    confirming.add({A: Word({(NEW, 1, 1)}), B: Word({(NEW, 1, 1)})}, 10.0)
    confirming.add({A: Word({(NEW, 2, 2)}, urgent=True)}, 10.0)
    assert read(confirming.due(10.0, 0, 9)) == [Confirmation(A, 0, ((NEW, 1, 2),))]
    confirming.add({B: Word(wanted={OLD})}, 10.1)
    assert read(confirming.due(10.1, 0, 9)) == [Confirmation(B, 0, ((NEW, 1, 1),), (OLD,))]


def test_ranges_of_two_epochs_are_never_joined() -> None:
    confirming = Confirming(KEY, 0.0)
    confirming.add({A: Word({(OLD, 4, 6), (NEW, 7, 7), (NEW, 8, 8)}, refused={(OLD, 7): "x", (NEW, 9): "y"})}, 0.0)
    (word,) = read(confirming.due(0.0, 0, 9))
    assert word.confirmed == ((OLD, 4, 6), (NEW, 7, 8))
    assert word.refused == ((OLD, 7, "x"), (NEW, 9, "y"))


def test_when_there_is_room_for_few_the_longest_overdue_go_and_the_rest_are_kept() -> None:
    confirming = Confirming(KEY, 1.0)
    confirming.add({B: Word({(NEW, 1, 1)})}, 10.0)
    confirming.add({A: Word({(NEW, 1, 1)})}, 10.5)
    assert [parcel.hub for parcel in confirming.due(20.0, 0, 1)] == ["hub-b"]
    assert [parcel.hub for parcel in confirming.due(20.0, 0, 1)] == ["hub-a"]


def test_a_long_word_is_cut_into_messages_of_bounded_size_and_nothing_of_it_is_lost() -> None:
    confirming = Confirming(KEY, 0.0)
    holes = {(NEW, 2 * n, 2 * n) for n in range(1, 2 * PER_MESSAGE + 2)}
    confirming.add({A: Word(set(holes), refused={(NEW, 1): "no_key"})}, 0.0)
    parcels = confirming.due(0.0, 0, 1)
    words = read(parcels)
    assert [len(word.confirmed) for word in words] == [PER_MESSAGE, PER_MESSAGE, 1]
    assert {part for word in words for part in word.confirmed} == holes
    assert [word.refused for word in words] == [((NEW, 1, "no_key"),), (), ()]
    assert max(len(parcel.message) for parcel in parcels) < 16_384
