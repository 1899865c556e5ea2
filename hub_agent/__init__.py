"""hub-agent: the home hub of a hospital at home."""
