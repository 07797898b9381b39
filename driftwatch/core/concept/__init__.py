"""Concept drift: whether what is right for the same inputs changed, as far as labels show it."""
