import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.strict_json import EXACT, NestingError, loads

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-EXACT, EXACT) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(value=values, ascii_only=st.booleans(), indent=st.none() | st.just(2))
def test_what_is_written_is_read_at_its_own_depth_and_no_less(
    value: object, *, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert loads(text, depth=depth(value)) == value
    if depth(value):
        with pytest.raises(NestingError):
            loads(text, depth=depth(value) - 1)


@given(text=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        value = loads(text, depth=5)
    except ValueError:
        return
    assert depth(value) <= 5
    assert json.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a":1}x',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":1,"a":2}}]',
        b"1.0",
        b"1e400",
        b"-1e-400",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"'a'",
        b"[1,]",
        b"// x\n1",
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        loads(text, depth=5)
    assert not isinstance(refused.value, NestingError)


@pytest.mark.parametrize("brackets", [b"[", b'{"a":', b'[{"a":['])
def test_ten_thousand_brackets_reach_no_recursion(brackets: bytes) -> None:
    with pytest.raises(NestingError):
        loads(brackets * 10_000, depth=8)


def test_brackets_in_strings_do_not_count() -> None:
    assert loads(b'["[[[[[[[\\"[[[[\\\\"]', depth=1) == ['[[[[[[["[[[[\\']


def test_a_long_number_is_refused_without_being_computed() -> None:
    with pytest.raises(ValueError, match="integer"):
        loads(b"9" * 1_000_000, depth=0)


def test_the_message_holds_nothing_of_the_text() -> None:
    for text in (b'{"secret', b'{"secret":1,"secret":2}', b'{"secret":1.5}', b'["secret\xff"]'):
        with pytest.raises(ValueError, match=r"\w") as refused:
            loads(text, depth=2)
        assert "secret" not in str(refused.value)
