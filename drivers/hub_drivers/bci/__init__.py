"""Oximeters that speak the 5-byte BCI format: old Contec CMS50D and E, Berry on a serial line, and many clones."""
