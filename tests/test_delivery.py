"""What delivery counts."""

from hub_agent.delivery import Figures
from hub_agent.model import ReadingClass


def test_what_may_be_an_event_is_not_counted_as_a_reading() -> None:
    """Rejected bytes travel as events of class waveform, alarm events as class alarm."""
    figures = Figures()
    for cls in ReadingClass:
        figures.delivered(cls, 10, (), 1, 0.0)
    assert (figures.confirmed, figures.confirmed_readings) == (40, 20)
