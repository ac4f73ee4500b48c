"""Data of learning: examples, the wordings in them, who votes for what, splits, made variants."""
