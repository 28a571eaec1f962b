"""`promptweave serve`: starts the services as child processes and restarts them."""
