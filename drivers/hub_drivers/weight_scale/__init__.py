"""Weight Scale Service (181D)."""
