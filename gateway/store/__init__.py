"""What the gateway keeps: records in the order of their commits, and what it knows around them."""
