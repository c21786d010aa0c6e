"""Many API keys: import, start, memory, CPU of a mint."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

from measuring.built import program, scaled
from measuring.load import post_all
from measuring.report import head, row, table
from measuring.server import Server

MINTS = scaled(20_000)


def secret_of(number):
    return f"imported-secret-of-key-{number:07}"


def write_keys(path, count):
    """A file of keys whose ids are in no order, as those of other systems."""
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    with open(path, "w", encoding="ascii") as file:
        for n in numbers:
            file.write(json.dumps({"id": f"app-{n:07}", "secret": secret_of(n), "permissions": "orders:read"}) + "\n")


def mint_all(server, numbers):
    """Microseconds of the server's CPU per mint, one mint for each of these keys."""
    asked = {"grant_type": "client_credentials"}
    keys = ({"client_id": f"app-{n:07}", "client_secret": secret_of(n)} for n in numbers)
    return post_all(server, "/oauth/token", [asked | key for key in keys])


def import_twice(executable, file, project, data, count):
    """Seconds of the first import, and of the same one again."""
    importing = [executable, "key", "import", file, "--project", project, "--json", "--data-dir", data]
    seconds, imports = [], []
    for _ in range(2):
        began = time.monotonic()
        # What it says of its progress goes where this script's own errors go.
        done = subprocess.run(importing, check=True, stdout=subprocess.PIPE)
        seconds.append(time.monotonic() - began)
        imports.append(json.loads(done.stdout))
    if (imports[0]["imported"], imports[1]["already"]) != (count, count):
        raise RuntimeError(f"not all were imported: {imports}")
    return seconds


def measure(count):
    executable = program()
    with tempfile.TemporaryDirectory() as folder:
        keys, data = os.path.join(folder, "keys.jsonl"), os.path.join(folder, "data")
        write_keys(keys, count)
        server = Server(executable, data)
        project = server.shell("project", "create", "measured")["project"]
        server.shell("scope", "set", "orders:read", "--project", project)
        server.stop()
        seconds = import_twice(executable, keys, project, data, count)
        size = sum(file.stat().st_size for file in pathlib.Path(data).glob("portcullis.db*"))
        server = Server(executable, data)
        time.sleep(1)  # idle is what is left when the start is over
        idle = server.rss()
        draw = random.Random(2)
        one = mint_all(server, [draw.randrange(count)] * MINTS)
        few = [draw.randrange(count) for _ in range(min(5_000, MINTS, count))]
        mint_all(server, few)
        remembered = mint_all(server, few * (MINTS // len(few)))
        spread_out = mint_all(server, draw.sample(range(count), min(MINTS, count)))
        after = server.rss()
        server.stop()
    head()
    table("what", "figure")
    row(f"`key import` of {count:,} keys, SQLite", f"{seconds[0]:.0f} s")
    row("the same command again: all of them are there already", f"{seconds[1]:.0f} s")
    row("the database then", f"{size / 2**20:.0f} MiB")
    row("start to ready", f"{server.ready_after * 1000:.0f} ms")
    row("resident memory, idle", f"{idle / 1024:.1f} MiB")
    row(f"resident memory after mints of {MINTS:,} different keys", f"{after / 1024:.1f} MiB")
    row("CPU of a mint, one key", f"{one:.0f} µs")
    row(f"CPU of a mint, {len(few):,} keys in turn, all of them remembered", f"{remembered:.0f} µs")
    row("CPU of a mint, each of another key, none of them remembered", f"{spread_out:.0f} µs")
