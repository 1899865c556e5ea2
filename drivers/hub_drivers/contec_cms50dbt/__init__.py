"""Contec CMS50D-BT over BLE."""
