"""The air between virtual radios: distance, supervision time-outs, signal strength.

Owns: which controller hears which, and what happens to a link whose end walks away.
Never: knows GATT, bleak or a device.

In Bumble's ``LocalLink`` everybody always hears everybody. :class:`Air` lets controllers walk away. Packets on a live
link are never lost on the way, as the link layer's retransmission promises (Bluetooth Core 5.4, vol 6, part B, 4.5.9):
those sent while an end is away are held, and delivered if it comes back before the supervision time-out ends the link.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from bumble import core, hci, ll
from bumble.controller import Connection, Controller
from bumble.link import LocalLink
from bumble.transport.common import TransportSink, TransportSource

USUAL_RSSI_DBM: Final = -50
SUPERVISION_S: Final = 2.0
"""Health devices ask for 2 s to 6 s; the shortest makes the quickest tests."""
_OUTSIDE_ADDRESS: Final = "02:00:00:00:00:AA"


class Air(LocalLink):
    """A link on which controllers can leave, come back, and be deaf to connection requests.

    Args:
        supervision_s: how long a link survives silence.
    """

    def __init__(self, supervision_s: float = SUPERVISION_S) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.supervision_s = supervision_s
        self._away: set[Controller] = set()
        self._deaf: set[Controller] = set()
        self._rssi_dbm: dict[Controller, int] = {}
        self._held: list[tuple[Controller, Controller, Callable[[], object]]] = []

    # --- geography ---------------------------------------------------------------------------------------------------

    def leave(self, controller: Controller) -> None:
        """Put a controller out of everybody's range; its links end after the supervision time-out."""
        self._away.add(controller)
        asyncio.get_running_loop().call_later(self.supervision_s, self._expire, controller)

    def enter(self, controller: Controller) -> None:
        """Bring a controller back; what its live links held is delivered now."""
        self._away.discard(controller)
        held, self._held = self._held, []
        for sender, receiver, deliver in held:
            if self.apart(sender, receiver):
                self._held.append((sender, receiver, deliver))
            else:
                deliver()

    def away(self, controller: Controller) -> bool:
        """Tell whether a controller is out of range."""
        return controller in self._away

    def apart(self, one: Controller, other: Controller) -> bool:
        """Tell whether two controllers cannot hear each other."""
        return one in self._away or other in self._away

    def linked(self, controller: Controller) -> bool:
        """Tell whether a link of this controller still has its other end."""
        for peer_address, connection in controller.le_connections.items():
            peer = self.find_le_controller(peer_address)
            if peer is not None and connection.self_address in peer.le_connections:
                return True
        return False

    def deafen(self, controller: Controller) -> None:
        """Let a controller advertise but never answer a connection request."""
        self._deaf.add(controller)

    def cure(self, controller: Controller) -> None:
        """Undo ``deafen``."""
        self._deaf.discard(controller)

    def answers(self, address: hci.Address) -> bool:
        """Tell whether whoever has this address would answer a connection request."""
        controller = self.find_le_controller(address)
        return controller is not None and controller not in self._deaf and controller not in self._away

    def set_rssi(self, controller: Controller, dbm: int) -> None:
        """Say how loud a controller is."""
        self._rssi_dbm[controller] = dbm

    def rssi_dbm(self, address: hci.Address) -> int:
        """Tell how loud whoever has this address is."""
        controller = self.find_le_controller(address)
        return USUAL_RSSI_DBM if controller is None else self._rssi_dbm.get(controller, USUAL_RSSI_DBM)

    # --- what Bumble calls -------------------------------------------------------------------------------------------

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Broadcast to whoever is in range now."""
        loop = asyncio.get_running_loop()
        for receiver in self.controllers:
            if receiver is not sender_controller and not self.apart(sender_controller, receiver):
                loop.call_soon(receiver.on_ll_advertising_pdu, packet)

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: core.PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry data over a link, or hold it while an end is away.

        The sender is known to the receiver by the address it had when the link was made; Bumble uses its random address
        of now, which the kernel changes with every scan (a non-resolvable private address).
        """
        receiver = self.find_le_controller(destination_address)
        link = sender_controller.le_connections.get(destination_address)
        if receiver is not None and link is not None:
            source, loop = link.self_address, asyncio.get_running_loop()
            self._carry(
                sender_controller,
                receiver,
                lambda: loop.call_soon(receiver.on_link_acl_data, source, transport, data),
            )

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Carry a link-layer control packet, or hold it while an end is away."""
        sender, receiver = self.find_le_controller(sender_address), self.find_le_controller(receiver_address)
        if sender is not None and receiver is not None:
            send = super().send_ll_control_pdu
            self._carry(sender, receiver, lambda: send(sender_address, receiver_address, packet))

    def _carry(self, sender: Controller, receiver: Controller, deliver: Callable[[], object]) -> None:
        if self.apart(sender, receiver):
            self._held.append((sender, receiver, deliver))
        else:
            deliver()

    # --- supervision -------------------------------------------------------------------------------------------------

    def _expire(self, gone: Controller) -> None:
        """End every link of a controller that is still away: both hosts see CONNECTION_TIMEOUT (0x08)."""
        if gone not in self._away:
            return
        for controller in tuple(self.controllers):
            for peer, connection in tuple(controller.le_connections.items()):
                if controller is gone or peer in {gone.random_address, gone.public_address}:
                    end(controller, connection)
        self._held = [held for held in self._held if gone not in held[:2]]

    def drop(self, controller: Controller, *, telling: bool = True) -> None:
        """End a controller's side of its links at once, as a power cut does; its peers notice by supervision.

        Args:
            controller: whose links end.
            telling: whether its own host hears of it.
        """
        loop = asyncio.get_running_loop()
        for peer_address, connection in tuple(controller.le_connections.items()):
            if telling:
                end(controller, connection)
            controller.le_connections.pop(peer_address, None)
            peer = self.find_le_controller(peer_address)
            theirs = None if peer is None else peer.le_connections.get(connection.self_address)
            if peer is not None and theirs is not None:
                loop.call_later(self.supervision_s, _end_if_there, peer, theirs)


def _end_if_there(controller: Controller, connection: Connection) -> None:
    if controller.le_connections.get(connection.peer_address) is connection:
        end(controller, connection)


def end(controller: Controller, connection: Connection) -> None:
    """End one side of a link as a supervision time-out does, with no packet on the air."""
    controller.le_connections.pop(connection.peer_address, None)
    controller.send_hci_packet(
        hci.HCI_Disconnection_Complete_Event(
            status=hci.HCI_ErrorCode.SUCCESS,
            connection_handle=connection.handle,
            reason=hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR,
        )
    )


class HubController(Controller):
    """The hub's controller: connection requests can be cancelled, go unanswered, and reports carry a signal strength.

    Bumble 0.0.236 answers LE Create Connection Cancel with success and forgets nothing, so that every later request is
    COMMAND_DISALLOWED (0x0C). The standard (Core 5.4, vol 4, part E, 7.8.13) wants the pending one completed with
    UNKNOWN_CONNECTION_IDENTIFIER (0x02). It also answers Reset and keeps its links, its requests and its scan, all of
    which a reset ends (7.3.2).

    Attributes:
        crossing: let the device answer the next request in the moment in which it is cancelled, and the host not learn
            of the link. That is what becomes of it in Linux 6.12, which drops a completion that comes after it began to
            cancel (see ``hub_agent.devices.ble.missing``): the device is linked and advertises no more.
        stuck: complete no request, until it is reset, though it goes on scanning.
    """

    link: Air
    crossing: bool = False
    stuck: bool = False
    _mute: bool = False

    def on_hci_reset_command(self, command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        """Be as new."""
        self.stuck = False
        self.pending_le_connection = None
        self.le_scan_enable = False
        self.link.drop(self, telling=False)
        return super().on_hci_reset_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Cancel what is pending."""
        if self.pending_le_connection is not None and self.crossing:
            self._link_behind_the_host(self.pending_le_connection.peer_address)
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(
            self.send_hci_packet,
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            ),
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def _link_behind_the_host(self, peer_address: hci.Address) -> None:
        """Complete the pending request without a word."""
        self.crossing, self._mute = False, True
        try:
            super().create_le_connection(peer_address)
        finally:
            self._mute = False

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect on an advertisement, unless its sender is deaf or this is stuck: then the request stays pending."""
        if not self.stuck and self.link.answers(peer_address):
            super().create_le_connection(peer_address)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Fill in the signal strength that Bumble leaves at one constant."""
        if isinstance(packet, hci.HCI_LE_Advertising_Report_Event | hci.HCI_LE_Extended_Advertising_Report_Event):
            for report in packet.reports:
                report.rssi = self.link.rssi_dbm(report.address)
        if not self._mute:
            super().send_hci_packet(packet)


def adapter(air: Air, source: TransportSource, sink: TransportSink) -> HubController:
    """Put a controller on the air whose host is outside this process, as the Linux kernel behind ``/dev/vhci`` is."""
    controller = HubController("hub", host_source=source, host_sink=sink, link=air, public_address=_OUTSIDE_ADDRESS)
    # The kernel uses these two on a virtual controller in ways that Bumble's does not serve.
    controller.le_features &= ~(hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING)
    return controller
