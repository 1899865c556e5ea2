"""What the three gateways that take readings by MQTT have in common.

Owns: how their readings are found at the far end. Never: knows one of them.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Final

from scripts.benchlib.peers.setup import MissingError

_NUMBER: Final = re.compile(rb'"number"\s*:\s*"?(\d+)')


def numbers(line: bytes) -> Iterator[int]:
    """Find the readings in a payload, however many a message carries and however they are nested."""
    return map(int, _NUMBER.findall(line))


def subscriber(port: int, topics: str) -> Sequence[str]:
    """Subscribe with a program that belongs to none of the systems: one payload a line.

    Raises:
        MissingError: it is not installed.
    """
    if shutil.which("mosquitto_sub") is None:
        raise MissingError("mosquitto_sub is not installed: apt-get install mosquitto-clients")
    return ["mosquitto_sub", "-p", str(port), "-q", "1", "-t", topics]
