"""Progress of a push."""
