"""Philips IntelliVue monitors on MIB/RS232: the frame only.

A hospital bedside monitor: summary level, no driver. Its messages above the frame are a protocol of their own.
"""
