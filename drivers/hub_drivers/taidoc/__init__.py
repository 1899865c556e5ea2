"""TaiDoc TD-42xx glucose meters (GlucoRx Nexus, GlucoMen Nexus): wire formats only.

Their cable is a Silicon Labs CP2110, a USB HID device and no serial port: there is no link for it, hence no driver.
"""
