"""Adapters own one technology each; they are found by entry point and imported by nobody else."""
