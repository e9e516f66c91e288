"""`xunkong device selftest`: tries each part of a unit as the unit itself would use it."""
