"""E5 owns sentence vectors in many languages: weights read from the pack's file, run by ONNX Runtime."""

from pilothouse.models.adapters.e5.encoder import E5Small
from pilothouse.models.adapters.e5.weights import E5File, Shape, Vocabulary, read_weights

__all__ = ["E5File", "E5Small", "Shape", "Vocabulary", "read_weights"]
