"""Glucose Service (1808): blood-glucose meters."""
