"""paho's network loop on asyncio's event loop.

Owns: when paho reads, writes and looks at its keepalive. Never: knows what is sent.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as paho

from hub_agent.errors import DeliveryError

_TURN_S: Final = 1.0


class Pump:
    """Drives a connected client from the event loop until it is closed.

    Args:
        client: of paho, connected.
        loop: the event loop.
        max_packet: bytes of the largest packet that the broker was told it may send.
        lose: is told why, when the broker sends what it may not.
    """

    def __init__(
        self, client: paho.Client, loop: asyncio.AbstractEventLoop, max_packet: int, lose: Callable[[str], None]
    ) -> None:
        self._client = client
        self._loop = loop
        self._max_packet = max_packet
        self._lose = lose
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to read, and to write what waits.

        Raises:
            DeliveryError: the connection is gone already.
        """
        connection = self._client.socket()
        if connection is None:
            raise DeliveryError("the broker hung up at once")
        self._client.on_socket_register_write = lambda _c, _u, s: self._loop.add_writer(s, self._client.loop_write)
        self._client.on_socket_unregister_write = self._unwatch
        self._client.on_socket_close = lambda _c, _u, s: self._forget(s)
        self._loop.add_reader(connection, self._read)
        self._turn()
        if self._client.want_write():
            self._client.loop_write()

    def _read(self) -> None:
        """Read until nothing is left: what TLS has decrypted already, the event loop cannot see."""
        self._client.loop_read()
        while isinstance(connection := self._client.socket(), ssl.SSLSocket) and connection.pending():
            self._client.loop_read()
        breach = self._breach()
        if breach and connection is not None:
            self._loop.remove_reader(connection)
            self._lose(breach)

    def _breach(self) -> str:
        """Say what the broker sent that fills the memory and that it may not send; empty for nothing.

        paho tells the broker its limits (MQTT 5, 3.1.2.11.4, 3.8.3.1) and holds it to none: it would gather a packet of
        256 MiB, and every QoS 2 message that is never released. It has no public name for either.
        """
        if self._client._in_packet["remaining_length"] > self._max_packet:  # noqa: SLF001 - see above
            return "the broker sends a packet that is larger than it may"
        if self._client._in_messages:  # noqa: SLF001 - see above
            return "the broker sends at QoS 2, which nobody asked for"
        return ""

    def _turn(self) -> None:
        """Let paho keep the connection alive, and find it dead."""
        self._timer = self._loop.call_later(_TURN_S, self._turn)
        self._client.loop_misc()

    def _unwatch(self, _client: object, _data: object, connection: Any) -> None:  # noqa: ANN401 - as below
        self._loop.remove_writer(connection)

    def _forget(self, connection: Any) -> None:  # noqa: ANN401 - a socket, or TLS over one
        self._loop.remove_reader(connection)
        self._loop.remove_writer(connection)

    def stop(self) -> None:
        """Say goodbye, as far as the socket takes it at once, and close."""
        if self._timer is not None:
            self._timer.cancel()
        self._client.disconnect()
        self._client.loop_write()
        connection = self._client.socket()
        if connection is not None:  # it took nothing: the link is dead
            self._forget(connection)
            connection.close()
