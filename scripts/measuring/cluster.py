"""`scripts/cluster`: PostgreSQL, three servers and nginx."""

import json
import os
import socket
import subprocess
import tempfile

from measuring.built import ROOT


class Cluster:
    """A running one."""

    def __init__(self, program):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = os.environ | {"PORT": str(port), "PORTCULLIS_PROGRAM": program}
        script = str(ROOT / "scripts" / "cluster")
        self.process = subprocess.Popen([script], env=environment, stdout=subprocess.PIPE, text=True)
        self.program, self.said, self.exports = program, {}, {}
        for line in self.process.stdout:
            if "Ctrl-C" in line:
                break
            if line.startswith("export "):
                name, value = line.removeprefix("export ").strip().split("=", 1)
                self.exports[name] = value
            elif line.strip():
                name, _, value = line.strip().partition(" ")
                self.said[name] = value.strip()
        else:
            raise RuntimeError("scripts/cluster did not start")

    def urls(self):
        return self.said["servers"].split(" ")

    def shell(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            command = [self.program, *arguments, "--json"]
            environment = os.environ | self.exports
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=folder, env=environment)
        return json.loads(done.stdout)

    def numbers(self, statement):
        command = ["psql", "--no-psqlrc", "-At", "-F", " ", "-d", self.said["database"], "-c", statement]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return [int(word) for word in answer.split()]

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise RuntimeError("scripts/cluster did not stop in order")
