"""Assist owns what two agents prepare for a held box: one reads its texts, one handles the exception."""
