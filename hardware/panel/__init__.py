"""Buttons, lights and buzzer: patterns, pins, and their twin."""
