"""Body Composition Service (181B): scales that measure impedance."""
