"""JKS50F oximeters and clones with a transparent BLE serial chip (FFE0)."""
