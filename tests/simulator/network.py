"""Broker and network in memory, with the faults of both.

What a link offers is what :class:`hub_agent.mqtt.Link` does, and ``connect`` takes the place of ``mqtt.connect``: hub
and collector cannot tell. Every message takes time: the way, and its bytes on a link that may be narrow.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from hub_agent.errors import DeliveryError, RefusedError
from hub_agent.mqtt import NO_MATCHING_SUBSCRIBERS, PUBACK_TIMEOUT_S, Message, Profile

WAY_S = 0.03
OVERHEAD = 60
DEAF_S = 10.0
_LEAST_S = 1e-6
_NOTHING = Message("nothing", b"", retained=False, mid=0)
NOC = "noc-collector"

OK, NOBODY, NOT_AUTHORISED, QUOTA = (
    ReasonCode(PacketTypes.PUBACK, identifier=code) for code in (0, NO_MATCHING_SUBSCRIBERS, 0x87, 0x97)
)


class Parcel(NamedTuple):
    """A message that the broker keeps for a client; ``duplicate``: it was sent before, and not acknowledged."""

    topic: str
    payload: bytes
    duplicate: bool = False


@dataclass
class Session:
    """What a broker keeps of a client: what it wants, what waits for it, what it has not acknowledged."""

    wants: tuple[str, ...] = ()
    waiting: deque[Parcel] = field(default_factory=deque)
    owed: OrderedDict[int, Parcel] = field(default_factory=OrderedDict)
    link: "SimLink | None" = None
    room: int = 8


class Network:
    """One broker, the hub's way to it, and the NOC's.

    Attributes:
        alive: whether the broker runs.
        whole: whether packets of the hub get through; False: connections are reset.
        swallows: whether packets vanish, without a reset.
        bytes_s: what the hub's way carries each way; 0: anything.
        hub_may: whether the broker lets the hub publish.
        full: whether the broker says that it is full.
        queue_max: messages that it holds for a client that is away; more are dropped, and acknowledged all the same.
        lose_confirmations: whether what the NOC tells the hub is lost.
        on_taken: is told what a client has acknowledged.

    Args:
        note: is told each message that is published: topic, payload.
    """

    def __init__(self, note: Callable[[str, bytes], None]) -> None:
        self.note = note
        self.alive = True
        self.whole = True
        self.swallows = False
        self.bytes_s = 0.0
        self.hub_may = True
        self.full = False
        self.queue_max = 1000
        self.lose_confirmations = False
        self.sessions: dict[str, Session] = {}
        self.published = 0
        self.on_taken: Callable[[str, bytes], None] = lambda _topic, _payload: None

    # --- what happens to it -------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset the hub's connections, and refuse new ones."""
        self.whole = False
        self._drop(lambda name: name != NOC, "connection reset")

    def swallow(self) -> None:
        """Let packets vanish; both ends find out by their keepalive, the hub after twice its interval."""
        self.swallows = True
        for name, session in self.sessions.items():
            if name != NOC and session.link is not None:
                asyncio.get_running_loop().call_later(DEAF_S, self._find_out, session, session.link)

    def _find_out(self, session: Session, link: "SimLink") -> None:
        if self.swallows:
            link.lose("keepalive timeout")
            if session.link is link:
                session.link = None

    def heal(self) -> None:
        """Let everything through again."""
        self.whole, self.swallows = True, False

    def kill_hub(self) -> None:
        """Let the hub's side of its connections vanish with its process."""
        self._drop(lambda name: name != NOC, "the process is gone")

    def stop_broker(self, *, forget: bool) -> None:
        """Let the broker go down, with or without its sessions."""
        self.alive = False
        self._drop(lambda _name: True, "the broker is gone")
        if forget:
            self.sessions.clear()

    def _drop(self, whose: Callable[[str], bool], why: str) -> None:
        for name, session in self.sessions.items():
            if whose(name) and session.link is not None:
                link, session.link = session.link, None
                link.lose(why)

    def inject(self, topic: str, payload: bytes) -> None:
        """Let somebody publish who holds the broker."""
        self._route(topic, payload)

    def nudge(self) -> None:
        """Let the collector look at its spool now."""
        session = self.sessions.get(NOC)
        if session is not None and session.link is not None:
            session.link.inbox.put_nowait(_NOTHING)

    # --- connecting ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def connect(self, profile: Profile) -> AsyncIterator["SimLink"]:
        """Connect as ``mqtt.connect`` does."""
        hub = profile.client_id != NOC
        await asyncio.sleep(4 * WAY_S)
        if hub and self.swallows:
            await asyncio.sleep(5.0)
            raise DeliveryError("the broker did not answer within 5 s")
        if not self.alive or (hub and not self.whole):
            raise DeliveryError("the broker cannot be reached: connection refused")
        session = self.sessions.setdefault(profile.client_id, Session())
        if session.link is not None:
            session.link.lose("another client took this hub's id over")
        if profile.clean:
            session.waiting.clear()
            session.owed.clear()
        session.wants, session.room = profile.subscriptions, profile.receive_maximum
        link = session.link = SimLink(self, session, hub=hub)
        again = [parcel._replace(duplicate=True) for parcel in session.owed.values()]
        session.owed.clear()
        session.waiting.extendleft(reversed(again))
        self._serve(session)
        try:
            yield link
        finally:
            link.lose("closed here")
            if session.link is link:
                session.link = None

    # --- the broker ---------------------------------------------------------------------------------------------------

    def receive(self, link: "SimLink", mid: int, topic: str, payload: bytes) -> None:
        """Take a message and acknowledge it."""
        self.published += 1
        link.puback(mid, self._judge(link, topic, payload))

    def _judge(self, link: "SimLink", topic: str, payload: bytes) -> ReasonCode:
        if link.hub and not self.hub_may:
            return NOT_AUTHORISED
        if link.hub and self.full:
            return QUOTA
        return self._route(topic, payload)

    def _route(self, topic: str, payload: bytes) -> ReasonCode:
        """Give a message to whoever wants it."""
        reason = NOBODY
        for name, session in self.sessions.items():
            if any(_fits(topic, want) for want in session.wants):
                reason = OK
                if name != NOC and self.lose_confirmations and topic.endswith("/down/ack"):
                    continue
                if session.link is not None or len(session.waiting) < self.queue_max:
                    session.waiting.append(Parcel(topic, payload))
                self._serve(session)
        return reason

    def _serve(self, session: Session) -> None:
        """Send a client what waits for it, as much as it takes at once."""
        while session.link is not None and session.waiting and len(session.owed) < session.room:
            session.link.deliver(session.waiting.popleft())

    def acknowledged(self, session: Session, mid: int) -> None:
        """Forget what a client has in safe hands."""
        parcel = session.owed.pop(mid, None)
        if parcel is not None:
            self.on_taken(parcel.topic, parcel.payload)
            self._serve(session)


class SimLink:
    """One connection, from the client's side (a ``Link``)."""

    def __init__(self, network: Network, session: Session, *, hub: bool) -> None:
        loop = asyncio.get_running_loop()
        self._network, self._session, self._loop = network, session, loop
        self.hub = hub
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._pending: dict[int, asyncio.Future[ReasonCode | None]] = {}
        self._mid = 0
        self._mids = 0
        self._free_s = [0.0, 0.0]

    # --- the client's side --------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> "asyncio.Future[ReasonCode | None]":
        """Hand a message to the broker."""
        del retain
        if self.closed.done():
            raise DeliveryError(self.closed.result())
        self._network.note(topic, payload)
        self._mid += 1
        future: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self._pending[self._mid] = future
        self._carry(0, len(topic) + len(payload), self._network.receive, self, self._mid, topic, payload)
        return future

    async def publish_and_wait(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait for the broker's word."""
        try:
            async with asyncio.timeout(PUBACK_TIMEOUT_S):
                reason = await self.publish(topic, payload, retain=retain)
        except TimeoutError:
            raise DeliveryError("no PUBACK") from None
        if reason is not None and reason.is_failure:
            raise RefusedError(f"the broker refused a publish: {reason}")

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is in safe hands."""
        if not self.closed.done():
            self._carry(0, 4, self._network.acknowledged, self._session, message.mid)

    def lose(self, why: str) -> None:
        """Give the link up."""
        if self.closed.done():
            return
        self.closed.set_result(why)
        if not self.hub:
            self.inbox.put_nowait(_NOTHING)  # the collector looks whether it is gone when a message comes, or by turns
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(DeliveryError(why))
                future.exception()

    # --- the broker's side --------------------------------------------------------------------------------------------

    def puback(self, mid: int, reason: ReasonCode) -> None:
        """Send the broker's answer."""
        self._carry(1, 4, self._settle, mid, reason)

    def _settle(self, mid: int, reason: ReasonCode) -> None:
        future = self._pending.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(reason)

    def deliver(self, parcel: Parcel) -> None:
        """Send a message to the client."""
        self._mids += 1
        self._session.owed[self._mids] = parcel
        topic, payload, duplicate = parcel
        message = Message(topic, payload, retained=False, mid=self._mids, duplicate=duplicate)
        self._carry(1, len(topic) + len(payload), self.inbox.put_nowait, message)

    # --- the way ------------------------------------------------------------------------------------------------------

    def _carry(self, direction: int, size: int, arrive: Callable[..., None], *what: object) -> None:
        """Let a packet arrive in its time, or never."""
        bytes_s = self._network.bytes_s if self.hub else 0.0
        takes_s = (size + OVERHEAD) / bytes_s if bytes_s else _LEAST_S  # none overtakes another
        self._free_s[direction] = max(self._free_s[direction], self._loop.time()) + takes_s
        self._loop.call_at(self._free_s[direction] + WAY_S, self._arrive, arrive, what)

    def _arrive(self, arrive: Callable[..., None], what: tuple[object, ...]) -> None:
        if not self.closed.done() and not (self.hub and self._network.swallows):
            arrive(*what)


def _fits(topic: str, want: str) -> bool:
    """Match a topic and a filter with + and # (MQTT 5.0, section 4.7)."""
    there, wanted = topic.split("/"), want.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(there) or level not in ("+", there[place]):
            return False
    return len(there) == len(wanted)
