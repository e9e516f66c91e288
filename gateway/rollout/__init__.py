"""A release over the fleet in waves: one unit, ten, a tenth, all."""
