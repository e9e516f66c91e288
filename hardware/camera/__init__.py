"""The camera: one warm still configuration in a process of its own, and its twin."""
