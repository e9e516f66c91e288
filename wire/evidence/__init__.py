"""What proves a record: chains, signatures, daily roots; and a bundle that is checked with the site's CA alone."""
