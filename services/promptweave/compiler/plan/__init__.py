"""Planning of the answer: its output tree, grammar, constraints and forced prefix."""
