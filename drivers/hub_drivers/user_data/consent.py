"""User Control Point (2A9F): Bluetooth User Data Service 1.1, section 3.3.

Owns: the consent that a scale asks for before it tells a person's values.
Never: registers or deletes a user; that is done on the scale.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hub_agent.driver import Action, Warn, Write, sig_uuid
from hub_agent.errors import DecodeError
from hub_drivers.codec.options import whole

CONTROL_POINT: Final = sig_uuid(0x2A9F)

OPTIONS: Final = {
    "user_index": "the person's number on the scale (0 to 254); without it the scale is asked for nothing",
    "consent_code": "the person's code (PIN) on the scale, 0 to 9999",
}

_CONSENT: Final = 0x02
_RESPONSE: Final = 0x20
_SUCCESS: Final = 0x01
_HIGHEST_USER: Final = 254
_HIGHEST_CODE: Final = 9999


class Consent:
    """The consent of one session."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._user = whole(options, "user_index", 0, _HIGHEST_USER)
        self._code = whole(options, "consent_code", 0, _HIGHEST_CODE) or 0

    def request(self) -> Iterator[Action]:
        """Give the consent, if one is configured. A code of 0 opens nothing on Beurer scales."""
        if self._user is None:
            return
        if not self._code:
            yield Warn("user_consent_without_code")
        yield Write(CONTROL_POINT, bytes((_CONSENT, self._user)) + self._code.to_bytes(2, "little"))

    def answered(self, data: bytes) -> Iterator[Action]:
        """Take in a value of the control point.

        Raises:
            DecodeError: not an answer.
        """
        if len(data) < 3 or data[0] != _RESPONSE:
            raise DecodeError("user control: not an answer to a request")
        if data[1] == _CONSENT and data[2] != _SUCCESS:
            yield Warn("user_consent_refused")
