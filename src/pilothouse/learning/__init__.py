"""Learning owns training: labelled examples become heads and adapters that belong to the project."""

from pilothouse.learning.adapters.child import BUDGET, finished, limited, run_job, tell
from pilothouse.learning.card import as_page
from pilothouse.learning.data.dialogues import as_dialogues
from pilothouse.learning.data.examples import Example, Examples
from pilothouse.learning.registering import open_head, register_head
from pilothouse.learning.thresholds import Aims
from pilothouse.learning.train import Trained, train_heads
from pilothouse.learning.tuning import Tuning, tune_encoder

__all__ = [
    "BUDGET",
    "Aims",
    "Example",
    "Examples",
    "Trained",
    "Tuning",
    "as_dialogues",
    "as_page",
    "finished",
    "limited",
    "open_head",
    "register_head",
    "run_job",
    "tell",
    "train_heads",
    "tune_encoder",
]
