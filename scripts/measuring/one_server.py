"""Size, start, memory, and how soon a block counts: one server on SQLite."""

import os
import pathlib
import subprocess
import tempfile
import time

from measuring.built import ROOT, program, scaled
from measuring.report import head, row, spread, table
from measuring.server import Server, mint, status

STARTS = scaled(20, 2)
BLOCKS = scaled(50, 2)


def clean_build():
    """Seconds of wall clock for a release build from nothing but downloaded sources."""
    subprocess.run(["cargo", "fetch", "--locked"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as target:
        environment = os.environ | {"CARGO_TARGET_DIR": target, "CARGO_INCREMENTAL": "0"}
        began = time.monotonic()
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, env=environment, check=True)
        return time.monotonic() - began


def block_to_refused(server, key):
    """Milliseconds from the end of `key block` in another process to the first refusal."""
    token, verify = mint(server, key), f"{server.url}/v1/auth/verify"
    if status(verify, token) != 200:
        raise RuntimeError("a fresh token is refused")
    server.shell("key", "block", key["key_id"])
    began = time.monotonic()
    while status(verify, token) != 401:
        if time.monotonic() - began > 60:
            raise RuntimeError("a revoked token passes after a minute")
    took = (time.monotonic() - began) * 1000
    server.shell("key", "unblock", key["key_id"])
    return took


def measure(with_clean_build):
    build = clean_build() if with_clean_build else None
    executable = program()
    with tempfile.TemporaryDirectory() as folder:
        first = Server(executable, folder)
        first_start = first.ready_after
        first.stop()
        starts, idle = [], []
        for _ in range(STARTS):
            server = Server(executable, folder)
            starts.append(server.ready_after * 1000)
            time.sleep(1)  # idle is what is left when the start is over
            idle.append(server.rss() / 1024)
            server.stop()
        server = Server(executable, folder)
        key = server.key(server.shell("project", "create", "measured")["project"], "orders:read")
        time.sleep(1)  # the running server has heard of it
        blocks = [block_to_refused(server, key) for _ in range(BLOCKS)]
        server.stop()

    head()
    table("what", "figure")
    if build is not None:
        row("clean release build, wall clock", f"{build:.0f} s")
    row("size of the binary", f"{pathlib.Path(executable).stat().st_size / 2**20:.1f} MiB")
    row("first start to ready, founding included", f"{first_start * 1000:.0f} ms")
    print()
    table("what", "median", "p99", "max")
    row(f"start to ready, existing database ({STARTS} starts)", *spread(starts, "ms"))
    row(f"resident memory, idle ({STARTS} starts)", *spread(idle, "MiB", 1))
    row(f"`key block` in another process to the token refused ({BLOCKS} blocks)", *spread(blocks, "ms"))
