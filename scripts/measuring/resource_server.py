"""The example resource server without its token server, by the constants of everyday."""

import os
import time

from measuring.server import Process, mint, status

MAX_AGE = 45


def measure(example, server, project, guard, key):
    """Seconds that it judges for when its token server is gone, which this stops."""
    settings = {"ISSUER": server.url, "PROJECT": project, "KEY_ID": guard["key_id"], "KEY_SECRET": guard["secret"]}
    api = Process([example], os.environ | settings | {"LISTEN": "127.0.0.1:0"})
    other = server.key(project, "orders:read")
    time.sleep(1)  # the running server has heard of it
    good, revoked = mint(server, key), mint(server, other)

    def answers():
        return status(f"{api.url}/orders", good), status(f"{api.url}/orders", revoked)

    try:
        if answers() != (200, 200):
            raise RuntimeError("fresh tokens are refused")
        server.shell("key", "block", other["key_id"])
        while answers() != (200, 401):
            time.sleep(0.05)
        server.stop()
        began = time.monotonic()
        while (said := answers()) == (200, 401):
            time.sleep(0.1)
        took = time.monotonic() - began
        # The one may have been asked just before the end, and the other after it.
        if said not in [(503, 503), (200, 503)] or answers() != (503, 503) or took > MAX_AGE + 1:
            raise RuntimeError(f"not refused in order, after {took:.1f} s: {said}")
        return took
    finally:
        api.stop()
