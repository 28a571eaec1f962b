"""Regular languages: character sets, ECMAScript patterns, DFAs, string formats."""
