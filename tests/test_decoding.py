"""Questions about bytes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent import decoding
from hub_agent.driver import SERIAL, Driver, SerialLink, Session, decode_only
from hub_agent.errors import ConfigError
from hub_agent.registry import Registry

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "hex": _JSON | st.binary(max_size=30).map(bytes.hex),
        "format": _JSON | st.sampled_from(["ble.2a37", "ble.2a5f"]),
        "driver": _JSON | st.sampled_from(["gatt-heart-rate", "nonin-serial"]),
        "channel": _JSON | st.sampled_from(["2a37", "serial"]),
        "options": _JSON,
    },
)


@given(_JSON | _QUESTIONS)
def test_every_question_has_one_kind_of_answer(question: Any) -> None:  # noqa: ANN401 - JSON
    answer = decoding.answer_line(json.dumps(question))
    assert len(answer.keys() & {"fields", "readings", "error"}) == 1


@given(st.text(max_size=50))
def test_every_line_is_answered(line: str) -> None:
    assert isinstance(decoding.answer_line(line), dict)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[" * 100_000, "not JSON"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        ("{}", "hex is missing"),
        ('{"hex": "00"}', "give format, or driver"),
        ('{"hex": "zz", "format": "ble.2a37"}', "hexadecimal"),
        ('{"hex": "00", "format": "ble.ffff"}', "no format is called"),
        ('{"hex": "00", "driver": "nobody"}', "no driver is called"),
        ('{"hex": "00", "driver": "gatt-heart-rate", "channel": "zzzz"}', "invalid literal"),
        ('{"hex": "00", "driver": "gatt-heart-rate", "channel": "2a37", "options": 5}', "options is not an object"),
        ('{"hex": "", "format": "ble.2a37"}', ""),
        ('{"hex": "", "driver": "gatt-heart-rate", "channel": "2a37"}', ""),
    ],
)
def test_a_bad_question_is_answered_with_its_fault(line: str, error: str) -> None:
    assert error in decoding.answer_line(line)["error"]


def test_a_format_gives_fields_and_a_driver_readings() -> None:
    assert decoding.answer({"format": "ble.2a37", "hex": "0048"})["fields"]["heart_rate_bpm"] == 72
    (reading,) = decoding.answer({"driver": "gatt-heart-rate", "channel": "2a37", "hex": "0048"})["readings"]
    assert any("72" in str(measurement) for measurement in reading["measurements"])


def _driver(session: Callable[[Mapping[str, Any]], Session]) -> Registry:
    return Registry({"bad": Driver("bad", "bad", SerialLink(9600), frozenset(), session)})


def test_a_driver_that_raises_is_named_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_data: bytes) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(decoding, "_registry", lambda: _driver(decode_only({SERIAL: decode})))
    assert "driver 'bad' raised KeyError" in decoding.answer({"driver": "bad", "hex": "00"})["error"]


def test_an_option_that_a_driver_cannot_use_is_answered_with_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def session(_options: Mapping[str, Any]) -> Session:
        raise ConfigError("option 'model'", hint="one of a, b")

    monkeypatch.setattr(decoding, "_registry", lambda: _driver(session))
    assert decoding.answer({"driver": "bad", "hex": "00"}) == {"error": "option 'model' (one of a, b)"}
