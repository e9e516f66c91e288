"""Many machines at once: a list, a process for each machine, a table at the end."""
