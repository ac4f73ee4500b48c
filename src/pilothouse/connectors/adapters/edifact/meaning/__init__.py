"""Meaning owns what segments mean: paths into them, profiles of message types, rows made by profiles."""
