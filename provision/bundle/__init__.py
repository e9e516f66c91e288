"""What is carried to a unit without internet: wheels, Debian packages, services, boot files; one checked file."""
