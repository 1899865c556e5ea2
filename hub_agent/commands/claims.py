"""What a command says: its claims, and the arguments of each op.

Owns: the schema of a signed command's payload.
Never: checks a signature, a role or a clock; knows what an op does.

Claims are those of JWT (RFC 7519 §4.1) with ``ctr``, ``op``, ``args``, ``ver``, ``reason`` and ``nonce`` added.
Decimals are strings, so that a limit of ``36.40`` arrives as written. Limits are in the first unit that the
nomenclature lists for their measure.
"""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    StringConstraints,
    model_validator,
)

from hub_agent import nomenclature
from hub_agent.strict_json import EXACT
from hub_agent.trust import Role

VERSION: Final = 1

_DECIMAL: Final = re.compile(r"-?[0-9]{1,4}(\.[0-9]{1,3})?")


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError("a decimal as a string expected, such as '92' or '36.5'")
    return Decimal(value)


def _measure(value: object) -> str:
    try:
        nomenclature.by_refid(value if isinstance(value, str) else "")
    except KeyError:
        raise ValueError("no measure has this MDC reference identifier; one is MDC_PULS_OXIM_SAT_O2") from None
    return str(value)


Instant = Annotated[int, Field(ge=0, le=253_402_300_799)]
"""Seconds since 1970 (RFC 7519 NumericDate), up to the year 9999."""

Jti = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
"""A UUID of version 7 (RFC 9562 §5.7), lower case."""

Number = Annotated[Decimal, BeforeValidator(_decimal)]
Measure = Annotated[str, BeforeValidator(_measure)]
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
Priority = Literal["high", "medium", "low"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Claims(_Strict):
    """The signed payload.

    Attributes:
        iss: the role that issues it; one of the signers has it.
        aud: the hub's id, this one and no other.
        jti: the command's name, used once.
        iat: when it was made.
        nbf: from when it may run.
        exp: when it is dead.
        ctr: above every earlier one of the same key.
        op: what to do.
        args: the op's arguments, checked by the op's own model.
        ver: of this format.
        reason: a ticket, for the audit trail; never about a patient.
        nonce: the hub's session nonce, needed while its clock is not set.
    """

    iss: Annotated[Role, Strict(False)]
    aud: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{4,32}$")]
    jti: Jti
    iat: Instant
    nbf: Instant
    exp: Instant
    ctr: Annotated[int, Field(ge=1, le=EXACT)]
    op: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,16}(\.[a-z]{1,16}){0,2}$")]
    args: dict[str, JsonValue]
    ver: Literal[1]
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:#/-]{0,63}$")]
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None


class Args(_Strict):
    """What all arguments are: closed, frozen values."""


class NoArgs(Args):
    """The op takes none."""


class LimitSetting(_Strict):
    """One limit, as the NOC wants it.

    Attributes:
        measure: MDC reference identifier.
        device: alias of the device that it is for; null for all that report the measure.
        low: alarm below it; null for none.
        high: alarm above it; null for none.
        delay_s: how long the value must stay beyond before it is an alarm.
        hysteresis: how far it must come back before the alarm ends.
        priority: of the alarm condition (IEC 60601-1-8).
        latching: whether the signal outlives the condition.
        enabled: whether it is judged at all.
    """

    measure: Measure
    device: Alias | None
    low: Number | None
    high: Number | None
    delay_s: Annotated[int, Field(ge=0, le=60)]
    hysteresis: Annotated[Number, Field(ge=0)]
    priority: Priority
    latching: bool
    enabled: bool

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What makes it one limit: a measure may have one of each priority (low saturation, and desaturation)."""
        return self.measure, self.device, self.priority

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a limit needs a low or a high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low is not below high")
        return self


class LimitsSet(Args):
    """``limits.set``: the whole set of limits, replacing the one in force.

    Attributes:
        revision: rises with each document.
        limits: every limit; what is not among them is gone.
    """

    revision: Annotated[int, Field(ge=1, le=EXACT)]
    limits: Annotated[tuple[LimitSetting, ...], Strict(False), Field(max_length=64)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({limit.key for limit in self.limits}) != len(self.limits):
            raise ValueError("two limits with one measure, device and priority")
        return self


class LimitsOff(Args):
    """``limits.off``: stop judging a measure, for a bounded time; it comes back by itself.

    Attributes:
        measure: MDC reference identifier.
        device: alias; null for all devices.
        for_s: seconds, at most four hours.
    """

    measure: Measure
    device: Alias | None
    for_s: Annotated[int, Field(ge=60, le=4 * 3600)]


class AlarmAcknowledge(Args):
    """``alarm.acknowledge``: somebody has taken an alarm on; it sounds no more, and its next start is another alarm.

    Attributes:
        alarm: its ``id``, as the alarm's events give it.
    """

    alarm: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class AudioPause(Args):
    """``audio.pause``: silence the alarms there are for a while; whatever starts from now on sounds through.

    Attributes:
        for_s: seconds, at most 15 minutes.
    """

    for_s: Annotated[int, Field(ge=1, le=900)]


class LimitsOn(Args):
    """``limits.on``: end a ``limits.off`` before its time.

    Attributes:
        measure: MDC reference identifier.
        device: alias; null for all devices.
    """

    measure: Measure
    device: Alias | None
