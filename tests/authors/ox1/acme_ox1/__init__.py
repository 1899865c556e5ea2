"""The Acme OX-1 oximeter."""
