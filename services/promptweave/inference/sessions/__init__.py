"""Sessions: saved prompt state of conversations."""
