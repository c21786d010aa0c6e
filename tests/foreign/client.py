"""What every client of this folder is told by the test: where the server is, and whose key it holds."""

import os
import sys

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]


def expect(holds, what):
    """Ends the run unless `holds`."""
    if not holds:
        sys.exit(f"expected: {what}")
