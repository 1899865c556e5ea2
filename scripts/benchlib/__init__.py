"""Measures the hub against its limits, on any machine, with one command: ``scripts/bench``."""
