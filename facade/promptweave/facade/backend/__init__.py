"""The services behind the facade: clients, models, and the file that maps models to addresses."""
