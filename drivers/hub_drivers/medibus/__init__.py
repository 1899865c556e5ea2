"""Draeger ventilators and monitors that speak MEDIBUS: the frame only.

Hospital equipment: summary level, no driver. Its code pages are a table of their own.
"""
