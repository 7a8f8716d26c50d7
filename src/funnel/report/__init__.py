"""What a shop reads: the command line and the page that it prints."""
