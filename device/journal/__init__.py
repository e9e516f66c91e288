"""What a unit keeps: TinyDB whose documents are SQLite rows, and the journal of records on top of it."""
