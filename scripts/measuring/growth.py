"""What mints add to the issuance log, on both engines."""

import http.client
import pathlib
import sqlite3
import tempfile
import urllib.parse

from measuring.built import program
from measuring.cluster import Cluster
from measuring.load import CLIENTS, FORM, together
from measuring.report import head, row, table
from measuring.server import Server


def mint_times(urls, shell, count):
    """So many mints of one key, of one scope and the default audience, on CLIENTS connections."""
    project = shell("project", "create", "measured")["project"]
    shell("scope", "set", "orders:read", "--project", project)
    key = shell("key", "create", "--project", project, "--name", "k", "--permission", "orders:read")
    form = {"grant_type": "client_credentials", "client_id": key["key_id"], "client_secret": key["secret"]}
    body, failures = urllib.parse.urlencode(form), []

    def client(number):
        connection = http.client.HTTPConnection(urls[number % len(urls)].removeprefix("http://"))
        for _ in range(number, count, CLIENTS):
            connection.request("POST", "/oauth/token", body, FORM)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failures.append(answer.status)

    together(client, range(CLIENTS))
    if failures:
        raise RuntimeError(f"{len(failures)} mints failed: {failures[:3]}")


def of_sqlite(executable, count):
    """Bytes of the issuance log, the tree with all columns and its further index, and rows."""
    with tempfile.TemporaryDirectory() as data:
        server = Server(executable, data)
        mint_times([server.url], server.shell, count)
        server.stop()
        database = sqlite3.connect(pathlib.Path(data) / "portcullis.db")
        sizes = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name {} 'issued_tokens' AND name IN \
                 (SELECT name FROM sqlite_schema WHERE tbl_name = 'issued_tokens')"
        columns, indexes = (database.execute(sizes.format(sign)).fetchone()[0] for sign in ("=", "<>"))
        rows = database.execute("SELECT count(*) FROM issued_tokens").fetchone()[0]
        database.close()
    return columns, indexes, rows


def of_postgres(executable, count):
    """Bytes of the issuance log, its indexes, and what was written of it to the log of changes; and rows."""
    running = Cluster(executable)
    try:
        changes = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
        before = running.numbers(changes)[0]
        mint_times(running.urls(), running.shell, count)
        written = running.numbers(changes)[0] - before
        sizes = "SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits \
                 WHERE inhparent = 'issued_tokens'::regclass"
        (columns, indexes), (rows,) = running.numbers(sizes), running.numbers("SELECT count(*) FROM issued_tokens")
    finally:
        running.stop()
    return columns, indexes, written, rows


def measure(count):
    executable = program()
    sqlite, postgres = of_sqlite(executable, count), of_postgres(executable, count)
    if (sqlite[-1], postgres[-1]) != (count, count):
        raise RuntimeError(f"not as many rows as mints: {sqlite[-1]}, {postgres[-1]}")

    def per_million(size):
        return f"{size / count * 1e6 / 2**20:.0f} MiB"

    head()
    print(f"From {count:,} mints on each engine, scaled to a million:\n")
    table("engine", "table", "indexes", "together", "log of changes")
    row("SQLite", *map(per_million, (sqlite[0], sqlite[1], sqlite[0] + sqlite[1])), "not kept")
    row("PostgreSQL", *map(per_million, (postgres[0], postgres[1], postgres[0] + postgres[1], postgres[2])))
