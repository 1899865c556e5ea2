"""The drivers of Omron's memory: newer cuffs that bond, older ones with a key.

Owns: their links and options. Never: parses bytes; :mod:`hub_drivers.omron.session` holds the dialogue.
"""

from collections.abc import Mapping
from typing import Any, Final

from hub_agent.driver import BleLink, Driver, Match, Session, sig_uuid
from hub_agent.errors import ConfigError
from hub_agent.nomenclature import DIASTOLIC, PULSE_RATE_NIBP, SYSTOLIC
from hub_drivers.omron.models import MODELS, Model, Unlock
from hub_drivers.omron.session import UNLOCK, OmronSession

__all__ = ["BONDED", "KEYED"]

CLASSIC_SERVICE: Final = "ecbe3980-c9a2-11e1-b1bd-0002a5d5c51b"
MODERN_SERVICE: Final = sig_uuid(0xFE4A)
RX: Final = (
    "49123040-aee8-11e1-a74d-0002a5d5c51b",
    "4d0bf320-aee8-11e1-a0d9-0002a5d5c51b",
    "5128ce60-aee8-11e1-b84b-0002a5d5c51b",
    "560f1420-aee8-11e1-8184-0002a5d5c51b",
)

_KEY_SIZE: Final = 16
_MEASURES: Final = frozenset((SYSTOLIC, DIASTOLIC, PULSE_RATE_NIBP))


def _model(options: Mapping[str, Any], driver: str, unlocks: frozenset[Unlock]) -> Model:
    known = {name: model for name, model in MODELS.items() if model.unlock in unlocks}
    name = options.get("model")
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"option 'model' of {driver}", hint=f"one of {', '.join(sorted(known))}")
    return known[name]


def _bonded(options: Mapping[str, Any]) -> Session:
    return OmronSession(_model(options, "omron-memory", frozenset(("none", "token"))), RX[:1])


def _keyed(options: Mapping[str, Any]) -> Session:
    model = _model(options, "omron-memory-key", frozenset(("key",)))
    try:
        key = bytes.fromhex(options.get("key", ""))
    except (TypeError, ValueError):
        key = b""
    if len(key) != _KEY_SIZE:
        raise ConfigError("option 'key' of omron-memory-key", hint="32 hexadecimal digits")
    return OmronSession(model, RX, key)


BONDED: Final = Driver(
    name="omron-memory",
    title="Omron cuffs that bond, by their memory (HEM-714xT, 7155T modern, 718xT1 to 738xT1)",
    link=BleLink(
        notify=(RX[0], UNLOCK),
        match=Match(names=("BLESmart_",), services=(MODERN_SERVICE,)),
        pairing="bond",
        hold=False,
    ),
    measures=_MEASURES,
    session=_bonded,
    options={"model": "model number as in the table of omron/models.py, such as HEM-7142T2"},
    example={"model": "HEM-7142T2"},
    quirks=(
        "Pair while the cuff shows -P-; some models drop their bond after every session.",
        "All slots are read each time; what is known already is told apart by the cuff's own time.",
        "Its clock is not set: the memory is never written.",
    ),
)
"""Configure it as ``omron-memory``."""

KEYED: Final = Driver(
    name="omron-memory-key",
    title="Older Omron cuffs, by their memory (HEM-6232T, 7150T, 7155T, 7322T, 7342T, 7361T, 7530T, 7600T)",
    link=BleLink(
        notify=(*RX, UNLOCK), match=Match(names=("BLESmart_",), services=(CLASSIC_SERVICE,)), pairing="bond", hold=False
    ),
    measures=_MEASURES,
    session=_keyed,
    commands=frozenset(("pair",)),
    example={"model": "HEM-7322T", "key": "00" * 16},
    options={
        "model": "model number as in the table of omron/models.py, such as HEM-7322T",
        "key": "32 hexadecimal digits of your choice, programmed by the command pair",
    },
    quirks=(
        "The command pair programs the key while the cuff shows -P-.",
        "An answer is spread over up to four characteristics.",
    ),
)
"""Configure it as ``omron-memory-key``."""
