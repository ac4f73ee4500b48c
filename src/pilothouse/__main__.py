"""Runs the CLI with ``python -m pilothouse``."""

from pilothouse.cli import main

main()
