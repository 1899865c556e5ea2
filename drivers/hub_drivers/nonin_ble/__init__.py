"""Nonin 3230, 3150 BLE and 8500 with Nonin's own oximetry service."""
