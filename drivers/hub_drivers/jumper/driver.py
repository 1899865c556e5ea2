"""The driver of the Jumper JPD-500F.

Owns: how values become readings. Never: parses bytes.
"""

from typing import Final

from hub_agent.driver import BleLink, Driver, Match, decode_only
from hub_agent.model import Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.jumper import frame

__all__ = ["DRIVER", "decode"]

SERVICE: Final = "cdeacb80-5235-4c07-8846-93a37ee6b86d"
STREAM: Final = "cdeacb81-5235-4c07-8846-93a37ee6b86d"


def decode(data: bytes) -> Reading | None:
    """Decode a value into its reading; None for the pleth that comes on the same characteristic.

    Raises:
        DecodeError: neither of them.
    """
    if data[:1] == bytes((frame.PLETH,)):
        return None
    found = frame.decode(data)
    return oximetry(found.spo2, found.pulse_rate, more=(perfusion(found.pi or None),))


DRIVER: Final = Driver(
    name="jumper-jpd500f",
    title="Jumper JPD-500F (My Oximeter)",
    link=BleLink(notify=(STREAM,), match=Match(names=("My Oximeter",), services=(SERVICE,))),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX)),
    session=decode_only({STREAM: decode}),
    cadence_s=1.0,
    quirks=("The unit of its perfusion index, and 127 for no saturation, are inferred.",),
)
"""Configure it as ``jumper-jpd500f``."""
