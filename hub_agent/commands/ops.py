"""What a command can ask for: each op with its arguments, its roles and its longest life.

Owns: the table of ops.
Never: carries one out; the desk has the handlers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hub_agent.commands.claims import AlarmAcknowledge, Args, AudioPause, LimitsOff, LimitsOn, LimitsSet, NoArgs
from hub_agent.trust import Role

DAY_S: Final = 86_400

_ALL: Final = frozenset(Role)
_CLINICAL: Final = frozenset({Role.CLINICIAN})
_AT_HAND: Final = frozenset({Role.CLINICIAN, Role.OPERATOR})
"""Who may ask for quiet: it is short, and hides no new alarm. To take an alarm on is the clinician's alone."""
_TECHNICAL: Final = frozenset({Role.OPERATOR, Role.SECURITY})


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that a command can ask for.

    Attributes:
        args: the model of its arguments.
        roles: who may ask for it.
        lifetime_s: the longest ``exp - iat``.
        ends_process: carrying it out ends the process; it is done when the next one starts.
    """

    args: type[Args]
    roles: frozenset[Role]
    lifetime_s: int = DAY_S
    ends_process: bool = False


OPS: Final[Mapping[str, Op]] = MappingProxyType(
    {
        "ping": Op(NoArgs, _ALL),
        "status": Op(NoArgs, _ALL),
        "limits.set": Op(LimitsSet, _CLINICAL),
        "limits.off": Op(LimitsOff, _CLINICAL),
        "limits.on": Op(LimitsOn, _CLINICAL),
        "alarm.acknowledge": Op(AlarmAcknowledge, _CLINICAL),
        "audio.pause": Op(AudioPause, _AT_HAND),
        "agent.restart": Op(NoArgs, _TECHNICAL, ends_process=True),
    }
)
"""Every op by its name."""
