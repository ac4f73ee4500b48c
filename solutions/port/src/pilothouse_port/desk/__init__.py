"""Desk owns what durable runs of the port share: looking at a port, and asking the people at the desk."""
