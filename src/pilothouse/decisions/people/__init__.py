"""Owns who may see and answer an item, whose voices count, and who stands in for whom."""
