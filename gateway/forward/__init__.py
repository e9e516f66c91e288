"""From the store to the command platforms: one pump per sink, a durable cursor, nothing skipped."""
