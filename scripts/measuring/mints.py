"""What a mint costs beside the floor's, and how long its answers take at half of what the server can do; on both
engines."""

import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

from measuring.built import binaries, scaled
from measuring.cluster import Cluster
from measuring.load import CONNECTIONS, load, need_wrk
from measuring.report import head, row, table
from measuring.server import Process, Server, pinning

REQUESTS = scaled(40_000)
ROUNDS = 3
SECONDS = 20 if scaled(100) == 100 else 2


def key_of(server):
    key = server.key(server.shell("project", "create", "measured")["project"], "orders:read")
    time.sleep(1)  # the running server has heard of it
    form = {"grant_type": "client_credentials", "client_id": key["key_id"], "client_secret": key["secret"]}
    return urllib.parse.urlencode(form | {"scope": "orders:read"})


def at_half(pace, url, form, cpu):
    """The figures of answers at half the pace at which one core would be full."""
    per_second = str(int(1e6 / cpu / 2))
    command = [*pinning(1), pace, f"{url}/oauth/token", per_second, str(SECONDS)]
    told = json.loads(subprocess.run(command, input=form, text=True, stdout=subprocess.PIPE, check=True).stdout)
    if told["refused"]:
        raise RuntimeError(f"{told['refused']} mints were refused")
    return told


def of_engine(built, folder, variables=None):
    """CPU of a mint and of the floor's, in turn, the least of each; then the answers at half load."""
    floor = Process([*pinning(0), built["floor"]])
    server = Server(built["portcullis"], folder / "data", True, variables)
    form, best = key_of(server), [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        best[0] = min(best[0], load(floor, folder, "/mint", [form], REQUESTS))
        best[1] = min(best[1], load(server, folder, "/oauth/token", [form], REQUESTS))
    floor.stop()
    told = at_half(built["pace"], server.url, form, best[1])
    server.stop()
    return best, told


def measure():
    need_wrk()
    built, found = binaries(), {}
    with tempfile.TemporaryDirectory() as name:
        found["SQLite"] = of_engine(built, pathlib.Path(name))
    running = Cluster(built["portcullis"])
    try:
        with tempfile.TemporaryDirectory() as name:
            found["PostgreSQL"] = of_engine(built, pathlib.Path(name), running.exports)
    finally:
        running.stop()
    head(f", one core each for server and client,\n{CONNECTIONS} connections, {REQUESTS} requests, the least of "
         f"{ROUNDS} rounds in turn; then {SECONDS} s at half\nof what one core can do")
    table("engine", "floor", "mint", "ratio", "mints a second", "median", "p99", "max")
    for engine, ((floor, mint), told) in found.items():
        latency = [f"{told[name]:.1f} ms" for name in ("median_ms", "p99_ms", "max_ms")]
        row(engine, f"{floor:.1f} µs", f"{mint:.1f} µs", f"{mint / floor:.2f}", f"{told['per_second']:,.0f}", *latency)
