"""Heads own trained judges of sentences at work: plain files, numpy only, silent where they do not know."""

from pilothouse.documents.claims.heads.features import Seen, see, skeleton, spoken
from pilothouse.documents.claims.heads.files import HEAD_FILE, WEIGHTS_FILE, load_head, save_head
from pilothouse.documents.claims.heads.head import Head, Limits, Weights
from pilothouse.documents.claims.heads.layout import Memory, Wording, jaccard

__all__ = [
    "HEAD_FILE",
    "WEIGHTS_FILE",
    "Head",
    "Limits",
    "Memory",
    "Seen",
    "Weights",
    "Wording",
    "jaccard",
    "load_head",
    "save_head",
    "see",
    "skeleton",
    "spoken",
]
