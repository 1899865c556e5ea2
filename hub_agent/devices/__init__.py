"""The ways to devices (BLE, serial, replay) and the runner that drives a session over one."""
