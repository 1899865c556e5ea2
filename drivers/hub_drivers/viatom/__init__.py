"""Viatom and Wellue rings and wrist oximeters of the first generation: O2Ring, Checkme O2, WearO2, SleepU."""
