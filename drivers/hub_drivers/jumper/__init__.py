"""Jumper JPD-500F oximeters (My Oximeter) over BLE."""
