"""Owns the made world's systems in their real technologies: `render` writes them, `servers` run them."""
