"""Blood Pressure Service (1810): upper-arm and wrist cuffs."""
