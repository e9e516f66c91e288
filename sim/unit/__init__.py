"""A whole simulated unit that a person drives from the keyboard."""
