"""Virtual devices that speak the bytes of real ones."""
