"""The tools of those who set up a hub: technicians in a home, and authors of drivers at a bench."""
