"""The command line and the printed report."""
