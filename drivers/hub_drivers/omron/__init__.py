"""Omron cuffs by their memory: the way to records that the Bluetooth profile does not hand out."""
