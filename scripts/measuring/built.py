"""One way of building: whatever is measured was built by the same command, so nothing is built twice."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Does a script work? A debug build and a hundredth of everything: the figures are worth nothing.
SMALL = "--small" in sys.argv
if SMALL:
    sys.argv.remove("--small")


def scaled(count, least=1):
    return max(least, count // 100) if SMALL else count


def build(*what):
    """The executables that a build left, by name."""
    profile = [] if SMALL else ["--release"]
    command = ["cargo", "build", *profile, "--locked", "--message-format=json", *what]
    lines = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    entries = map(json.loads, lines)
    return {entry["target"]["name"]: entry["executable"] for entry in entries if entry.get("executable")}


def binaries():
    return build("--workspace", "--bins")


def program():
    return binaries()["portcullis"]


def example(name):
    """An example of the guard's, which needs a feature that nothing else here has."""
    return build("-p", "portcullis-guard", "--features", "axum", "--example", name)[name]


def environment(**more):
    return os.environ | more
