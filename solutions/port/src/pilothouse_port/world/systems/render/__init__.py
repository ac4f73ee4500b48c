"""Owns the renderers, one a technology: a `SystemView` becomes the files its owner would hand over."""
