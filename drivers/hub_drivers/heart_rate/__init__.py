"""Heart Rate Service (180D): chest straps, watches and arm bands."""
