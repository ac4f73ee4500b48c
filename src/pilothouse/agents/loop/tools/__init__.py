"""Tools that every agent may have: code over handles, other agents, files of the run."""
