"""The errors of the hub, by whose fault they are and whether trying again helps.

Owns: the tree of exceptions that cross module borders.
Never: logs, retries or formats for a screen; whoever catches does that.

Each error has a ``hint``, a sentence for the person who can act, and a class attribute ``retry``:

* ``never``: the same call fails the same way until somebody changes something;
* ``later``: weather; the same call may go through, with backoff;
* ``slowly``: it may go through, but hammering makes it worse (refused credentials, a full disk).
"""

from typing import ClassVar, Literal

Retry = Literal["never", "later", "slowly"]


class HubError(Exception):
    """Something the hub can name.

    Args:
        message: what happened, with the place (file, key, topic, channel), never a vital sign or an identity.
        hint: what the reader can do about it; empty when the message says it all.
    """

    retry: ClassVar[Retry] = "later"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.hint})" if self.hint else message


class ConfigError(HubError):
    """A configuration that cannot be used: the message names file, key and reason."""

    retry = "never"


class DecodeError(HubError, ValueError):
    """Bytes that are not what their format says. The device's fault, or the line's; the next frame may be good."""

    retry = "later"


class DriverError(HubError):
    """A driver broke its contract (unknown, raised, undeclared code): its device is parked, nobody else's."""

    retry = "never"


class StuckDriverError(DriverError):
    """A driver computed so long, again and again, that the whole hub stood still: its device is parked."""


class LinkError(HubError):
    """The way to a device is gone or refused: unplugged, out of range, connect failed."""

    retry: ClassVar[Retry] = "later"


class DeviceRefusedError(LinkError):
    """The device answered, and said no; the link itself is as good as before."""

    retry: ClassVar[Retry] = "slowly"


class StorageError(HubError):
    """The outbox could not keep what it was given, or could not be opened."""

    retry = "slowly"


class FullError(StorageError):
    """There is no room: on the disk, or within the quota."""


class DamagedError(StorageError):
    """The card or the file is damaged: what it holds must be checked before it is believed again."""


class SealError(HubError):
    """A seal does not open, a signature does not hold, a key is missing or of the wrong kind."""

    retry = "never"


class DeliveryError(HubError):
    """The broker cannot be reached, or the link to it died."""

    retry: ClassVar[Retry] = "later"


class RefusedError(DeliveryError):
    """The broker answered and said no (reason code >= 0x80, credentials, ACL): nothing was delivered."""

    retry = "slowly"


class CommandError(HubError):
    """A command that must not run. ``code`` says why, in the words of ``docs/wire.md``."""

    retry = "never"

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
