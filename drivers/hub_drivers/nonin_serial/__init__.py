"""Nonin oximeters on a serial line: Xpod, OEM III, 9560, 3150 (data formats 1, 2, 7, 8 and 13)."""
