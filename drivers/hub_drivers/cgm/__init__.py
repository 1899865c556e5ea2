"""Continuous Glucose Monitoring Service (181F)."""
