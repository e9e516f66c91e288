"""What was kept long enough goes, with a record of it."""
