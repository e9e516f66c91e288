"""The computer itself: heat, power, room, memory, and what is written to its card."""
