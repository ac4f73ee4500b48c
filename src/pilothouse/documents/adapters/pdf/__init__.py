"""Owns PDF files: the text layer with boxes, what of it nobody sees, and recognition where there is none."""

from pilothouse.documents.adapters.pdf.reading import opened, read_pdf

__all__ = ["opened", "read_pdf"]
