"""A device's memory behind its record access control point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.simulate.ble_devices.records import Memory, Record


def memory() -> Memory:
    return Memory([Record(sequence, bytes([sequence])) for sequence in (3, 4, 7)])


@pytest.mark.parametrize(
    ("request_hex", "sequences", "response_hex"),
    [
        ("0101", [3, 4, 7], "06000101"),
        ("010201 0400", [3, 4], "06000101"),
        ("010301 0400", [4, 7], "06000101"),
        ("010401 0400 0600", [4], "06000101"),
        ("0105", [3], "06000101"),
        ("0106", [7], "06000101"),
        ("010301 0800", [], "06000106"),
        ("0401", [], "05000300"),
        ("040301 0800", [], "05000000"),
        ("0300", [], "06000301"),
        ("0901", [], "06000902"),
        ("0100", [], "06000103"),
        ("0109", [], "06000104"),
        ("0103", [], "06000105"),
    ],
)
def test_requests_are_answered(request_hex: str, sequences: list[int], response_hex: str) -> None:
    answer = memory().answer(bytes.fromhex(request_hex.replace(" ", "")))
    assert ([record.sequence for record in answer.records], answer.response.hex()) == (sequences, response_hex)


def test_deleted_records_are_gone() -> None:
    kept = memory()
    assert kept.answer(bytes.fromhex("0203010400")).response.hex() == "06000201"
    assert [record.sequence for record in kept.records] == [3]


@given(st.binary(max_size=12))
def test_any_request_gets_one_answer(request: bytes) -> None:
    answer = memory().answer(request)
    assert answer.response[0] in {5, 6}
    assert {record.sequence for record in answer.records} <= {3, 4, 7}
