"""Record Access Control Point (2A52): how oximeters, glucose meters and CGMs hand out their memory."""
