"""Captures: what a device and the hub said to each other, beside the readings it became.

Owns: the one capture format, for tests, for replays and for what ``hub-agent devices test`` writes.
Never: opens a device, or decides whether a reading is right.
"""

from hub_agent.captures.lines import (
    Capture,
    Frame,
    Head,
    Line,
    Turn,
    capture_text,
    complete,
    head_text,
    line_text,
    short_channel,
)
from hub_agent.captures.parsing import load, load_folder, parse
from hub_agent.captures.plain import Plain, plain
from hub_agent.captures.play import Played, chunk_of, fill, play

__all__ = [
    "Capture",
    "Frame",
    "Head",
    "Line",
    "Plain",
    "Played",
    "Turn",
    "capture_text",
    "chunk_of",
    "complete",
    "fill",
    "head_text",
    "line_text",
    "load",
    "load_folder",
    "parse",
    "plain",
    "play",
    "short_channel",
]
