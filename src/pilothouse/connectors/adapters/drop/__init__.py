"""Drop owns folders of delimited text: CSV, TSV and ``;`` files as people and old systems export them."""

from pilothouse.connectors.adapters.drop.adapter import DropSource, connect

__all__ = ["DropSource", "connect"]
