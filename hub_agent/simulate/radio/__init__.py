"""The virtual radio: Bumble behind a bleak backend, so that the daemon's BLE code runs without a Bluetooth adapter."""
