"""A&D UA-767PC cuffs with the PC cable."""
