"""Viatom/Creative PC-60FW and PC-60NW oximeters, over BLE or a serial line."""
