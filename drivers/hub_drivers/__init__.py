"""Drivers: pure functions from the bytes of real devices to readings."""
