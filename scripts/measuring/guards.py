"""What a resource server pays for judging, and what it costs the token server that many of them follow it."""

import json
import pathlib
import resource
import subprocess
import tempfile
import time

from measuring import followers, polls, resource_server, verify
from measuring.built import binaries, example, scaled
from measuring.load import need_wrk
from measuring.report import head, row, spread, table
from measuring.server import Server, mint

TOKENS = scaled(2_000)


def judging(judge, server, project, guard, key):
    """Microseconds of `guard.judge`, warm and cold, and of one bare verification."""
    tokens = "\n".join(mint(server, key) for _ in range(TOKENS))
    command = [judge, server.url, project, guard["key_id"], guard["secret"]]
    told = subprocess.run(command, input=tokens, text=True, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(told)[name] / 1000 for name in ("warm_ns", "cold_ns", "verify_ns")]


def measure():
    need_wrk()
    # Each follower is an open file, here and in the server, which inherits this.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    built, api = binaries(), example("resource_server")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server = Server(built["portcullis"], folder / "guards")
        project = server.shell("project", "create", "guarded")["project"]
        guard, key = server.key(project, "portcullis:revocations"), server.key(project, "orders:read")
        time.sleep(1)  # the running server has heard of them
        warm, cold, bare = judging(built["judge"], server, project, guard, key)
        share, rate, empty = polls.measure(server, guard, built["floor"])
        seen = followers.measure(server, project, key)
        alone = resource_server.measure(api, server, project, guard, key)  # stops the server
        verified = verify.measure(built, folder)
    head()
    table("what", "figure")
    row("one signature verification (ES256), bare", f"{bare:.1f} µs")
    row("`guard.judge`, cold", f"{cold:.1f} µs, {cold / bare:.2f} of it")
    row("`guard.judge`, warm", f"{warm:.2f} µs, {warm / bare:.3f} of it")
    row(f"{rate:,.0f} conditional requests (304) a second, as of {rate * 5:,.0f} guards", f"{share:.1%} of a core")
    row("as many empty answers of the floor, at the same pace", f"{empty:.1%} of a core")
    print()
    table("what", "median", "p99", "max")
    what = f"`key revoke-tokens` in another process to the last of {followers.FOLLOWERS:,} followers"
    row(f"{what} ({followers.REVOCATIONS} times)", *spread(seen, "ms"))
    print(f"\nThe example resource server judged for {alone:.1f} s after its token server had stopped, refused a token")
    print("that was revoked before, and then refused all.\n")
    verify.show(verified)
