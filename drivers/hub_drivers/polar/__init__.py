"""Polar H10 chest straps: heart rate, and ECG by Polar's measurement data service."""
