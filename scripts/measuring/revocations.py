"""Many live revocations: start, memory, CPU of a check."""

import base64
import json
import os
import random
import sqlite3
import tempfile
import time

from measuring.built import program, scaled
from measuring.load import post_all
from measuring.report import head, row, table
from measuring.server import Server, mint

CHECKS = scaled(20_000)


def revoke_many(data, project, count):
    """Writes live revocations into the database of a stopped server: half of keys, half of tokens."""
    database = sqlite3.connect(os.path.join(data, "portcullis.db"))
    published, ends = int(time.time() * 1000), int((time.time() + 3600) * 1000)
    (position,) = database.execute("SELECT position FROM feed_counter WHERE id = 1").fetchone()
    draw = random.Random(3)

    def row(n):
        if n % 2:
            entry = {"revoke": "key", "project": project, "key": f"app-{n:07}"}
        else:
            jti = base64.urlsafe_b64encode(draw.randbytes(16)).decode().rstrip("=")
            entry = {"revoke": "token", "project": project, "jti": jti}
        text = json.dumps(entry, separators=(",", ":"))
        return position + n, draw.randbytes(8), entry["revoke"], project, text, published, ends

    with database:
        database.executemany(
            "INSERT INTO feed (position, tag, kind, project, entry, published_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row(n) for n in range(1, count + 1)),
        )
        database.execute("UPDATE feed_counter SET position = ? WHERE id = 1", (position + count,))
    database.close()


def measure(count):
    """The same server without and with them."""
    executable = program()
    with tempfile.TemporaryDirectory() as data:
        server = Server(executable, data)
        project = server.shell("project", "create", "measured")["project"]
        key = server.key(project, "orders:read")
        gone = server.shell("project", "create", "revoked")["project"]
        server.stop()
        starts, idle, checks = [], [], []
        for revoked in (0, count):
            if revoked:
                revoke_many(data, gone, revoked)
            server = Server(executable, data)
            starts.append(server.ready_after)
            time.sleep(2)  # idle is what is left when the start is over
            idle.append(server.rss())
            form = {"client_id": key["key_id"], "client_secret": key["secret"], "token": mint(server, key)}
            post_all(server, "/oauth/introspect", [form] * scaled(1_000))
            checks.append(min(post_all(server, "/oauth/introspect", [form] * CHECKS) for _ in range(3)))
            server.stop()
    head()
    table("what", "no revocation", f"{count:,}")
    row("start to ready", *(f"{start * 1000:.0f} ms" for start in starts))
    row("resident memory, idle", *(f"{kib / 1024:.1f} MiB" for kib in idle))
    row("the same, for each revocation", "", f"{(idle[1] - idle[0]) * 1024 / count:.0f} bytes")
    row("CPU of an introspection, the token verified before", *(f"{check:.0f} µs" for check in checks))
