"""Owns how an answer comes about: the locked item, the votes, the approval used once, the way back."""
