"""What a card's proof is worth: SUN messages, and keys diversified per card."""
