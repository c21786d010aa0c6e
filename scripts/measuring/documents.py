"""The documents in `openapi/` against the program: many more requests than the suite has time for."""

import json
import os
import pathlib
import random
import subprocess
import tempfile

from measuring.built import ROOT, program
from measuring.report import head, row, table
from measuring.server import Process


def python():
    """The one that scripts/test has installed Schemathesis for."""
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    metadata = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    found = pathlib.Path(json.loads(metadata)["target_directory"], "tmp/foreign/venv/bin/python")
    if not found.exists():
        raise RuntimeError("the foreign clients are not installed: run scripts/test")
    return str(found)


def check(part, examples, executable):
    """How many requests were answered as described; whatever was not ends the run."""
    seed = str(random.randrange(2**32))
    print(f"{part}: seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        patient = {f"PORTCULLIS_THROTTLE_{what}_FAILURES": "1000000" for what in ["KEY", "ADDRESS"]}
        listen = ["--listen-public", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0", "--revocation-poll", "200ms"]
        listen += ["--webhooks-allow-networks", "127.0.0.0/8"]
        listen += ["--leaks-signers", str(ROOT / "tests/foreign/signers.json")]
        command = [executable, "serve", "--data-dir", folder, *listen, "--log-level", "error"]
        server = Process(command, os.environ | patient)
        admin = json.loads(pathlib.Path(folder, "admin-key.json").read_text())
        told = {"PUBLIC": server.url, "ADMIN": server.ready["admin"]}
        told |= {"CLIENT_ID": admin["key_id"], "CLIENT_SECRET": admin["secret"]}
        script = str(ROOT / "tests/foreign/with_schemathesis.py")
        run = [python(), "-B", script, part, str(examples), seed]
        done = subprocess.run(run, env=os.environ | told, stdout=subprocess.PIPE, text=True)
        server.stop()
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return done.stdout.splitlines()[-1].split()[1]


def measure(examples):
    executable = program()
    found = {part: check(part, examples, executable) for part in ["public", "keys", "administration"]}
    head()
    table("part of the documents", f"requests answered as described, {examples} examples per operation")
    for part, requests in found.items():
        row(part, requests)
