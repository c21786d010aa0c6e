"""What `/verify` costs beside a floor server that answers the same headers (benches/floor.rs)."""

import json
import time
import urllib.request

from measuring.built import scaled
from measuring.load import CONNECTIONS, GET, load
from measuring.report import row, table
from measuring.server import Process, Server, mint, pinning

ROUNDS = 3
REQUESTS = scaled(40_000)
# Cold: no token comes twice.
DISTINCT = scaled(5_000)


def measure(built, folder):
    """Microseconds of CPU per request, of floor and program, for each case."""
    floor = Process([*pinning(0), built["floor"]])
    server = Server(built["portcullis"], folder / "verify", pinned=True)
    project = server.shell("project", "create", "proxied")["project"]
    server.shell("project", "edit", project, "--raw-keys", "true")
    key = server.key(project, "orders:read")
    time.sleep(1)  # the running server has heard of it
    path = f"/verify?project={project}&scope=orders:read"

    def tokens(count):
        return [f"Bearer {mint(server, key)}" for _ in range(count)]

    def floors(count):
        return [f"Bearer {mint_of_floor(floor)}" for _ in range(count)]

    one, raw = tokens(1), [f"Bearer {key['secret']}"]
    cases = [
        ("`/verify`, warm", "/pass", lambda: one, lambda: one, REQUESTS),
        ("`/verify`, cold (the floor verifies one signature)", "/pass-checked", lambda: floors(DISTINCT),
         lambda: tokens(DISTINCT), DISTINCT),
        ("`/verify`, an API key itself", "/pass", lambda: raw, lambda: raw, REQUESTS),
    ]
    figures = []
    for what, of_floor, floor_lines, lines, count in cases:
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            best[0] = min(best[0], load(floor, folder, of_floor, floor_lines(), count, GET))
            best[1] = min(best[1], load(server, folder, path, lines(), count, GET))
        figures.append((what, *best))
    floor.stop()
    server.stop()
    return figures


def mint_of_floor(floor):
    with urllib.request.urlopen(f"{floor.url}/mint", b"") as answer:
        return json.load(answer)["access_token"]


def show(figures):
    print(f"One core each for server and client, {CONNECTIONS} connections, {REQUESTS:,} requests (cold: {DISTINCT:,}),")
    print(f"the best of {ROUNDS}:\n")
    table("path", "floor", "Portcullis", "ratio")
    for what, floor, program in figures:
        row(what, f"{floor:.1f} µs", f"{program:.1f} µs", f"{program / floor:.2f}")
