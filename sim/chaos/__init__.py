"""The survival rig: a small city of processes, a seeded schedule of faults, and an independent check."""
