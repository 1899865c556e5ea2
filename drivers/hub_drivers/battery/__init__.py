"""Battery Service (180F): the one vital sign of every wireless device."""
