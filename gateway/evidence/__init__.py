"""What the store holds as evidence: verified whole, and an incident's share of it as a bundle."""
