"""Owns mails: headers, the words somebody wrote, what they quoted, and every attachment read alike."""

from pilothouse.documents.adapters.mail.reading import attachment, read_mail

__all__ = ["attachment", "read_mail"]
