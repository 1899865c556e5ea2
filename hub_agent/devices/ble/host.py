"""What the radio needs from the machine beside bleak: the adapter, the bonds, the pairing agent.

Owns: the protocol between the radio and a Bluetooth stack (BlueZ, the virtual one).
Never: implements it.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

AskPasskey = Callable[[], Awaitable[int]]
"""Gets the six digits that the device shows.

Raises:
    LinkError: nobody is there to read them.
"""

OnEvent = Callable[[str, Mapping[str, str | int]], None]
"""Takes an event: a code of ``[a-z_]`` and fields without identity (devices by alias)."""

Change = Callable[[str], None]
"""Takes what happened to the stack: ``adapter_on``, ``adapter_off``, ``bluetooth_gone``, ``bluetooth_back``."""


class Host(Protocol):
    """A Bluetooth stack. Calls may hang: the radio bounds each of them.

    Attributes:
        scanner_args: keyword arguments for bleak's scanner.
        client_args: keyword arguments for bleak's client.
    """

    @property
    def scanner_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's scanner."""
        ...

    @property
    def client_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's client."""
        ...

    def watch(self, changed: Change) -> AbstractAsyncContextManager[None]:
        """Report changes of the stack while the context is open."""
        ...

    async def ready(self) -> None:
        """Make the service, the powered adapter and the pairing agent be there; harmless when they are.

        Raises:
            LinkError, or what ``trouble.WEATHER`` lists: not there.
        """
        ...

    async def release(self, address: str) -> None:
        """End a link that an earlier life of this process left open; harmless when there is none."""
        ...

    async def bonded(self, address: str) -> bool:
        """Tell whether there is a bond with this address."""
        ...

    async def forget(self, address: str) -> None:
        """Remove the bond and everything else known of the device; harmless when there is nothing."""
        ...

    def pairing(self, address: str, ask: AskPasskey | None) -> AbstractContextManager[None]:
        """Allow pairing with this address meanwhile. Pairing with anybody else is refused."""
        ...

    async def power_cycle(self) -> None:
        """Switch the adapter off and on."""
        ...

    async def restart(self) -> bool:
        """Restart the Bluetooth service; False where that is not allowed."""
        ...
