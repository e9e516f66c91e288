"""Two slots of software: fetched, verified, tried, and gone back from."""
