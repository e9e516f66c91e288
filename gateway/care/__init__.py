"""Care for single units of the fleet: look at them, send them on errands, put them out of service."""
