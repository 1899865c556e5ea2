"""Health Thermometer Service (1809)."""
