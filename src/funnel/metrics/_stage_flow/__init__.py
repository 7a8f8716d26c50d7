"""Stage flow: people in each stage per period, transitions, and the time they take."""
