"""How long the radio waits for what.

Owns: every duration of the BLE link, in one value that tests scale.
Never: waits.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations in seconds; each bleak and D-Bus call is bounded by one of them.

    Attributes:
        connect_s: connect and service discovery. The device was heard just before, so that a good one takes below 2 s.
        pair_s: connect with pairing; a person may have to type six digits.
        gatt_s: a read, a write or a subscription. ATT itself gives up after 30 s (Core 5.4, vol 3, part F, 3.3.3).
        disconnect_s: closing; BlueZ lingers for 2 s.
        host_s: a call to the Bluetooth service; powering an adapter takes up to 5 s.
        fresh_s: a connect begins only if the device was heard so recently.
        busy_s: the first wait after "in progress"; doubles each time.
        busy_tries: connect calls made while the adapter says "in progress", before the attempt counts as failed.
        silence_s: nobody heard for so long while a device is awaited: the scanner is suspected. One awaited device not
            heard for so long: the scanner is restarted, with pauses that double up to ``rest_s``.
        rest_s: pause between two climbs of the recovery ladder.
        retry_s: first pause when the adapter or the service is not there; doubles up to ``retry_max_s``.
        retry_max_s: longest such pause.
    """

    connect_s: float = 15.0
    pair_s: float = 60.0
    gatt_s: float = 10.0
    disconnect_s: float = 5.0
    host_s: float = 10.0
    fresh_s: float = 10.0
    busy_s: float = 0.25
    busy_tries: int = 6
    silence_s: float = 60.0
    rest_s: float = 3600.0
    retry_s: float = 1.0
    retry_max_s: float = 30.0
