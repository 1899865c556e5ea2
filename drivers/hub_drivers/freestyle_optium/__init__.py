"""Abbott FreeStyle Optium glucose meters with a serial cable."""
