"""LifeScan OneTouch glucose meters with a serial cable: Ultra Easy (Mini), Ultra 2."""
