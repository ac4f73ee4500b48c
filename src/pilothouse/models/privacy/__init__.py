"""What is taken out of a prompt before it leaves, and put back into the answer."""
