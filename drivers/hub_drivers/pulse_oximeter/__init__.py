"""Pulse Oximeter Service (1822): continuous and spot-check oximeters."""
