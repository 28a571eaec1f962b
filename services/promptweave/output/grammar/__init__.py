"""Grammar expressions, their printers and readers, and their derivatives."""
