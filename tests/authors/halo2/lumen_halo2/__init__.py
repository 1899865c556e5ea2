"""The Lumen Halo-2 oximeter."""
