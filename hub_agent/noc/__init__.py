"""The other end: the reference of what a NOC does."""
