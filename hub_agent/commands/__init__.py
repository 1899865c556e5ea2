"""Signed commands: verification, the roles that may command, and the desk that carries them out."""
