"""Loop: one run of an agent; what the model is told, what it may call, what is recorded of it."""
