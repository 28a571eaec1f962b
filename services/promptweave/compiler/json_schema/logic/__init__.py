"""Conditions of schemas as formulas over atoms, and the regular languages of atoms."""
