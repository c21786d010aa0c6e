"""Server processes, what they have used, and what one asks of `portcullis serve`."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A server that says on its first line where it is."""

    def __init__(self, command, environment=None):
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        self.ready = json.loads(self.process.stdout.readline())
        self.url = self.ready["public"]
        self.ready_after = time.monotonic() - began

    def host(self):
        return self.url.removeprefix("http://")

    def rss(self):
        """Resident memory in KiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def cpu(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Server(Process):
    """`portcullis serve` on a free port; `pinned` to the first core, if the client has the second; with these
    variables."""

    def __init__(self, program, folder, pinned=False, variables=None):
        self.program, self.folder = str(program), str(folder)
        self.environment = os.environ | (variables or {})
        command = [self.program, "serve", "--data-dir", self.folder, "--listen-public", "127.0.0.1:0"]
        super().__init__([*pinning(0, pinned), *command, "--log-level", "warn"], self.environment)

    def shell(self, *arguments):
        command = [self.program, *arguments, "--json", "--data-dir", self.folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=self.environment)
        return json.loads(done.stdout)

    def key(self, project, permission):
        """A new key, which the running server has heard of soon after."""
        create = ["key", "create", "--project", project, "--name", "k", "--permission", permission]
        return self.shell(*create)

    def stop(self):
        super().stop()
        if self.process.returncode != 0:
            raise RuntimeError("the server did not stop in order")


def pinning(core, pinned=True):
    return ["taskset", "-c", str(core)] if pinned else []


def mint(server, key):
    form = {"grant_type": "client_credentials", "client_id": key["key_id"], "client_secret": key["secret"]}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{server.url}/oauth/token", body) as answer:
        return json.load(answer)["access_token"]


def status(url, token):
    """What a GET with this token is answered."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
