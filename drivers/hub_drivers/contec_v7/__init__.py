"""Contec oximeters with protocol 7: CMS50D+ from firmware 4.6, CMS50E, F, FW, IW."""
