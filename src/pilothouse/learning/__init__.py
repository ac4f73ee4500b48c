"""Learning owns training: labelled examples become heads and adapters that belong to the project."""

from pilothouse.learning.card import as_page
from pilothouse.learning.examples import Example, Examples
from pilothouse.learning.thresholds import Aims
from pilothouse.learning.train import Trained, train_heads

__all__ = ["Aims", "Example", "Examples", "Trained", "as_page", "train_heads"]
