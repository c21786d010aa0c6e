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
FEW = scaled(5_000)
ROUNDS = 5


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


def installation(executable, folder, count):
    """The data directory of an installation with so many keys, its project, and the file that they came from."""
    os.makedirs(folder)
    keys, data = os.path.join(folder, "keys.jsonl"), os.path.join(folder, "data")
    write_keys(keys, count)
    server = Server(executable, data)
    project = server.shell("project", "create", "measured")["project"]
    server.shell("scope", "set", "orders:read", "--project", project)
    server.stop()
    return data, import_twice(executable, keys, project, data, count)


def in_turn(one_key, many_keys, count):
    """The least of some rounds, each case in each round: noise only adds, and it lasts longer than a round."""
    draw = random.Random(2)
    few = draw.sample(range(count), min(FEW, count))

    def remembered():
        mint_all(many_keys, few)
        return mint_all(many_keys, few * (MINTS // len(few)))

    cases = {
        "one key, there is no other": lambda: mint_all(one_key, [0] * MINTS),
        f"one key of {count:,}": lambda: mint_all(many_keys, few[:1] * MINTS),
        f"{len(few):,} of them in turn, all remembered": remembered,
        "each of another key, none remembered": lambda: mint_all(many_keys, draw.sample(range(count), min(MINTS, count))),
    }
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for case, mints in cases.items():
            best[case] = min(best[case], mints())
    return best


def measure(count):
    executable = program()
    with tempfile.TemporaryDirectory() as folder:
        single, _ = installation(executable, os.path.join(folder, "one"), 1)
        data, seconds = installation(executable, os.path.join(folder, "many"), count)
        size = sum(file.stat().st_size for file in pathlib.Path(data).glob("portcullis.db*"))
        one_key, server = Server(executable, single), Server(executable, data)
        time.sleep(1)  # idle is what is left when the start is over
        idle = server.rss()
        mints = in_turn(one_key, server, count)
        after = server.rss()
        one_key.stop()
        server.stop()
    head()
    table("what", "figure")
    row(f"`key import` of {count:,} keys, SQLite", f"{seconds[0]:.0f} s")
    row("the same command again: all of them are there already", f"{seconds[1]:.0f} s")
    row("the database then", f"{size / 2**20:.0f} MiB")
    row("start to ready", f"{server.ready_after * 1000:.0f} ms")
    row("resident memory, idle", f"{idle / 1024:.1f} MiB")
    row("resident memory after all the mints", f"{after / 1024:.1f} MiB")
    print()
    table("CPU of a mint", "µs", "ratio")
    alone = next(iter(mints.values()))
    for case, micros in mints.items():
        row(case, f"{micros:.0f}", f"{micros / alone:.2f}")
