"""Several servers on one PostgreSQL: the tests of the cluster at the constants of everyday, and what they tell."""

import os
import subprocess

from measuring.built import ROOT


def measure():
    environment = os.environ | {"PORTCULLIS_TEST_CONSTANTS": "real"}
    command = ["cargo", "nextest", "run", "--profile", "measure", "--release", "--locked", "--test", "it"]
    command += ["-E", "test(/^cluster::/)", "--success-output", "final", "--failure-output", "final"]
    run = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    told = [line.split("measured: ", 1)[1] for line in run.stderr.splitlines() if "measured: " in line]
    print("\nServers on one PostgreSQL, `revocation.max_age` 30 s, `revocation.poll` 5 s:\n")
    # Shown once for each test, whichever of the two streams it was told on.
    for figure in dict.fromkeys(told):
        print(f"- {figure}")
