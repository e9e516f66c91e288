"""The gateway's store saved while it works, and put back: an archive, and one file for each kind of database."""
