"""In which form a batch leaves the hub: sealed as it is stored or, at a site without a NOC, as clear JSON.

Owns: the two forms, and the clear message of ``docs/wire.md`` §12.
Never: publishes, stores, or decides which form a hub uses.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hub_agent.envelope import parse_batch
from hub_agent.model import ClockState
from hub_agent.opening import BAD_BODY, NO_KEY, Opener, UnusableError
from hub_agent.outbox.rows import Committed
from hub_agent.seal import CLASSIC, PrivateKey, Recipient
from hub_agent.spelling import spell_event, spell_reading
from hub_agent.wire import Event, Item

OWN_KID: Final = "self"
"""The name of the hub's own key, where it is its own recipient."""


class Form(Protocol):
    """How batches are published.

    Attributes:
        name: as the configuration and the heartbeat call it.
        announces: whether the epoch's record goes before its batches.
    """

    name: str
    announces: bool

    def payload(self, batch: Committed) -> bytes:
        """Give the message for a batch.

        Raises:
            UnusableError: it cannot be given this form.
        """
        ...


class Sealed:
    """As it is stored: only the recipients can open it."""

    name: str = "sealed"
    announces: bool = True

    def payload(self, batch: Committed) -> bytes:
        """Give the envelope."""
        return batch.envelope


class Clear:
    """As JSON, which whoever may subscribe at the broker can read; on the card it is sealed, to the hub's own key.

    Args:
        key: the hub's own; see :func:`hub_agent.identity.opening_key`.
        public: the hub's identity, which signed what is stored.
        record: gives the record of an epoch, None where it is unknown.
    """

    name: str = "clear"
    announces: bool = False

    def __init__(
        self, key: X25519PrivateKey, public: Ed25519PublicKey, record: Callable[[bytes], bytes | None]
    ) -> None:
        keys: Mapping[str, PrivateKey] = {OWN_KID: key}
        self._opener = Opener(keys)
        self._public = public
        self._record = record

    def payload(self, batch: Committed) -> bytes:
        """Open the batch and spell its items.

        Raises:
            UnusableError: it was sealed to others, or is not what this hub stored.
        """
        sealed = parse_batch(batch.envelope)
        header = sealed.header
        record = self._record(header.epoch)
        if record is None:
            raise UnusableError(NO_KEY)
        try:
            items = ",".join(map(_item, self._opener.items(sealed, record, self._public)))
        except (TypeError, ValueError) as error:  # an event from before an update, of types that JSON does not have
            raise UnusableError(BAD_BODY) from error
        covers = ",".join(f"[{first},{last}]" for first, last in header.covers)
        return (
            f'{{"v":1,"hub":"{header.hub_id}","journal":"{header.journal.hex()}","seq":{header.seq},'
            f'"covers":[{covers}],"class":"{header.cls.name.lower()}","items":[{items}]}}'
        ).encode()


def own_recipient(key: X25519PrivateKey) -> Recipient:
    """Give the recipient that a hub is for itself."""
    return Recipient(OWN_KID, CLASSIC, key.public_key())


def _item(item: Item) -> str:
    stamp = item.stamp
    received_ms = stamp.wall_ns // 1_000_000 if stamp.clock is ClockState.SYNCED else None
    spelled = spell_event(item, received_ms) if isinstance(item, Event) else spell_reading(item, received_ms)
    return f'{spelled},"boot":"{stamp.boot}","monotonic_ms":{stamp.monotonic_ns // 1_000_000}}}'
