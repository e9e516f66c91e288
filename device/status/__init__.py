"""How a unit is, on one screen, for whoever stands at the box: with the service running, dead or in safe mode."""
