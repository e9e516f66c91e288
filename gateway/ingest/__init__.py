"""From the broker into the store: verify, commit in groups, acknowledge after the commit."""
