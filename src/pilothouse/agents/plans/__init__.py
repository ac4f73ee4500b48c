"""Owns the plan language: slots, expressions and how each is evaluated."""
