"""What the command line logs has no personal data in it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import logging
from pilothouse.cli.console import log_to_stderr
log_to_stderr()
log = logging.getLogger("pilothouse.connectors")
log.warning("cannot reach %s", "amira@example.org")
try:
    raise ValueError("IBAN DE89370400440532013000")
except ValueError:
    log.exception("refused for MSKU1234565")
"""


def test_logs_are_redacted_and_containers_stay() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stderr
    assert "amira" not in said
    assert "DE89370400440532013000" not in said
    assert "MSKU1234565" in said
    assert "ValueError" in said
