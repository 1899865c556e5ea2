"""Device Information Service (180A): what a device says of itself."""
