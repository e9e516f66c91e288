"""A technician's work on cards: keys for the site, and a card read, personalised and verified at a reader."""
