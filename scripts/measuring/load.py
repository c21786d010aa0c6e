"""Load on a server, and what each request cost it."""

import http.client
import shutil
import signal
import subprocess
import sys
import threading
import urllib.parse

from measuring.server import pinning

CLIENTS = 8
CONNECTIONS = 64
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# wrk stops by time; this stops it once so many requests have been answered.
SCRIPT = """
local lines, n, answered, wrong = {{}}, 0, 0, 0
for line in io.lines("{lines}") do lines[#lines + 1] = line end
function request()
  n = n + 1
  local line = lines[(n - 1) % #lines + 1]
  {request}
end
function response(status)
  answered = answered + 1
  if status ~= 200 then wrong = wrong + 1 end
  if answered >= {most} then
    if wrong > 0 then io.stderr:write("wrong answers: " .. wrong .. "\\n") end
    io.stderr:write("answered " .. answered .. "\\n")
    wrk.thread:stop()
  end
end
"""
POST = 'return wrk.format("POST", nil, {["Content-Type"] = "application/x-www-form-urlencoded"}, line)'
GET = 'return wrk.format("GET", nil, {["Authorization"] = line})'


def need_wrk():
    if not shutil.which("wrk"):
        sys.exit(f"{sys.argv[0]}: wrk is missing: apt-get install wrk")


def load(server, folder, path, lines, requests, request=POST):
    """Microseconds of the server's CPU per request; each line in its turn is a form, or an authorization."""
    (folder / "lines").write_text("\n".join(lines) + "\n")
    script = folder / "load.lua"
    script.write_text(SCRIPT.format(lines=folder / "lines", most=requests, request=request))
    before = server.cpu()
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d300s", "-s", script, server.url + path]
    wrk = subprocess.Popen([*pinning(1), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = wrk.stderr.readline()
        used = server.cpu() - before
    finally:
        # Its thread has stopped; its main one would sleep through the five minutes.
        wrk.send_signal(signal.SIGINT)
        wrk.wait(20)
    if not said.startswith("answered "):
        raise RuntimeError(f"{path}: {said}")
    return used * 1e6 / int(said.split()[1])


def post_all(server, path, forms):
    """Microseconds of the server's CPU per request, one for each of these forms, on CLIENTS connections."""
    bodies = [urllib.parse.urlencode(form) for form in forms]
    failures = []

    def client(part):
        connection = http.client.HTTPConnection(server.host())
        for body in part:
            connection.request("POST", path, body, FORM)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200 or b'"active":false' in said:
                failures.append((answer.status, said))

    before = server.cpu()
    together(client, [bodies[at::CLIENTS] for at in range(CLIENTS)])
    if failures:
        raise RuntimeError(f"{len(failures)} requests failed: {failures[:3]}")
    return (server.cpu() - before) * 1e6 / len(bodies)


def together(act, arguments):
    """Does it with each of them at the same time, and waits for all."""
    threads = [threading.Thread(target=act, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
