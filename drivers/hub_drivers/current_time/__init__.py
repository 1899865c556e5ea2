"""Current Time Service (1805) and Date Time (2A08): the clocks of devices, and keeping them right."""
