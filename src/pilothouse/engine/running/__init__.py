"""The inside of a segment: scopes and keys, steps, gather, children, waits."""
