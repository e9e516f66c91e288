"""The fleet: who belongs to the site, by certificates that its own authority makes."""
