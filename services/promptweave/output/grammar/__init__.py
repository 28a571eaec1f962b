"""Grammar values, how they are printed and read, and derivatives of them."""
