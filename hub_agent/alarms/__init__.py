"""Limits, scores and the life of an alarm: pure; and the annunciator that shows them."""
