"""What is done on a unit, one file for each concern; each finds out first what is wanting."""
