"""Flags of quality."""

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.model import Quality

QUALITIES = st.integers(0, max(Quality) * 2 - 1).map(Quality)


@given(QUALITIES, QUALITIES)
def test_flags_are_joined_and_met_as_numbers_are(one: Quality, other: Quality) -> None:
    for _again in range(2):
        assert (one | other) is Quality(int(one) | int(other))
        assert (one & other) is Quality(int(one) & int(other))
        assert (one | int(other)) is (int(one) | other) is (one | other)
