"""Where Omron models keep their records, and how they are unlocked.

Owns: the table. Never: talks to a cuff.

Source: eigger/hass-omron (device_catalog.py), which is checked there against the vendor's own data and against dumps of
users; models that need the vendor's encrypted session, or whose record layout is in doubt, are left out.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from hub_drivers.omron.record import Layout, decode_big, decode_big_6232, decode_little

__all__ = ["MODELS", "Model", "Unlock"]

Unlock = Literal["none", "token", "key"]
"""Nothing; a token that the cuff echoes; a key that was programmed when it was paired."""


class Model(NamedTuple):
    """One model and those that share its memory.

    Attributes:
        users: (address of the first record, number of slots) for each user.
        record_size: bytes from slot to slot.
        block_size: the most that one request may ask for.
        layout: of a record.
        unlock: before the memory can be read.
    """

    users: tuple[tuple[int, int], ...]
    record_size: int
    block_size: int
    layout: Layout
    unlock: Unlock


MODELS: Final[Mapping[str, Model]] = {
    "HEM-6232T": Model(((0x02E8, 100), (0x0860, 100)), 14, 0x2C, decode_big_6232, "key"),
    "HEM-7142T2": Model(((0x02E8, 14),), 14, 0x2C, decode_little, "token"),
    "HEM-7146T": Model(((0x02E8, 30),), 14, 0x2C, decode_little, "none"),
    "HEM-7150T": Model(((0x0098, 60),), 16, 0x10, decode_little, "key"),
    "HEM-7155T": Model(((0x0098, 60), (0x0458, 60)), 16, 0x10, decode_little, "key"),
    "HEM-7155T-K4": Model(((0x02E8, 60), (0x06A8, 60)), 16, 0x38, decode_little, "none"),
    "HEM-7155T-MW": Model(((0x0098, 60), (0x0458, 60)), 16, 0x2C, decode_little, "none"),
    "HEM-7155T-MW3": Model(((0x02E8, 60), (0x06A8, 60)), 16, 0x38, decode_little, "token"),
    "HEM-716BT2": Model(((0x02E8, 30),), 14, 0x2C, decode_little, "token"),
    "HEM-7188T1": Model(((0x01C4, 30),), 16, 0x38, decode_little, "token"),
    "HEM-7191T1": Model(((0x01C4, 60),), 16, 0x38, decode_little, "token"),
    "HEM-7196T1": Model(((0x01C4, 60), (0x0584, 60)), 16, 0x38, decode_little, "token"),
    "HEM-7322T": Model(((0x02AC, 100), (0x0824, 100)), 14, 0x2C, decode_big, "key"),
    "HEM-7342T": Model(((0x0098, 100), (0x06D8, 100)), 16, 0x10, decode_little, "key"),
    "HEM-7361T": Model(((0x0098, 100), (0x06D8, 100)), 16, 0x10, decode_little, "key"),
    "HEM-7376T1": Model(((0x080C, 60), (0x0BCC, 60)), 16, 0x38, decode_little, "token"),
    "HEM-7377T1": Model(((0x080C, 80), (0x0D0C, 80)), 16, 0x38, decode_little, "token"),
    "HEM-7380T1": Model(((0x01C4, 100), (0x0804, 100)), 16, 0x38, decode_little, "token"),
    "HEM-7386T1": Model(((0x080C, 100), (0x0E4C, 100)), 16, 0x38, decode_little, "token"),
    "HEM-7530T": Model(((0x02E8, 90),), 14, 0x10, decode_big, "key"),
    "HEM-7600T": Model(((0x02AC, 100),), 14, 0x2C, decode_big, "key"),
}
"""By the model number on the back of the cuff."""
