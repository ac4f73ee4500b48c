"""Pilothouse: durable workflows, evidence, human decisions and one audited door for effects."""
