"""Structured output: which schemas hold, how they are bounded, and whether an answer fits."""
