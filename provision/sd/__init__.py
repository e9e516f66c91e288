"""A card that makes a unit of its machine by itself at the first power-up; nobody logs in."""
