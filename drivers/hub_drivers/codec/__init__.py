"""Building blocks that several formats share: medical floats, dates, checksums."""
