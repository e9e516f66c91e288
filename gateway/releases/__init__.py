"""Releases of the software: built, signed, held for units."""
