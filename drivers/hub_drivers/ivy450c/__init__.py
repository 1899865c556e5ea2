"""Ivy 450C monitors (ANSAR-B format): the block only.

A hospital monitor: summary level, no driver.
"""
