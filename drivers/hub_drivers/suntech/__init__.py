"""SunTech Advantage blood-pressure modules."""
