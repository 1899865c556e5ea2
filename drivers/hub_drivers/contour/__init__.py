"""Bayer/Ascensia Contour glucose meters: wire formats only.

The meter is a USB HID device and no serial port: there is no link for it here, hence no driver.
"""
