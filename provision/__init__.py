"""From a blank machine to duty: bundles to carry, and what is done on a unit over SSH. For a technician's laptop."""
