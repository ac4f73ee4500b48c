"""Files: the working directory of a run, an agent's memory beside its conversation."""
