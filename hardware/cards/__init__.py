"""Cards behind a reader: what a host asks of them, and the twin's cards that answer."""
