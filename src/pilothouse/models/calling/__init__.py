"""The inside of one call: candidates, attempts, answer, retries."""
