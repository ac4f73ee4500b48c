"""Heads own trained judges of sentences at work: plain files, numpy only, silent where they do not know."""

from pilothouse.documents.claims.heads.features import Seen, see, skeleton, spoken
from pilothouse.documents.claims.heads.files import HEAD_FILE, WEIGHTS_FILE, load_head, save_head
from pilothouse.documents.claims.heads.head import Blend, Head, Limits, Weights
from pilothouse.documents.claims.heads.layout import Memory, Wording, jaccard
from pilothouse.documents.claims.heads.net import Layers, Net

__all__ = [
    "HEAD_FILE",
    "WEIGHTS_FILE",
    "Blend",
    "Head",
    "Layers",
    "Limits",
    "Memory",
    "Net",
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
