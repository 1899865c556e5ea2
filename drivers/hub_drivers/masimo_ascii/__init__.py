"""Masimo Rad-8 and Radical-7 set to "ASCII 1" on the serial output."""
