"""The measurements of `./run bench`, one file per subject."""
