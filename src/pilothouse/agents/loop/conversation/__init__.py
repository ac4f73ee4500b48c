"""Conversation: what a model is told and shown, how it answers, and who reads for it."""
