"""Patches of the operating system: verified, and put in by the system's own apt, as root and without a network."""
