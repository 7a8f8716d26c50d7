"""One person kept up to date in a back end, event by event, by a few numbers instead of their history."""
