"""Berry BM1000 oximeters over BLE: 20-byte frames, or the 5-byte BCI format, as the device is set."""
