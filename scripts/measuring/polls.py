"""Guards that poll: conditional requests to the feed at the pace of 10,000 of them, all answered 304."""

import asyncio
import base64
import json
import time
import urllib.request

from measuring.built import scaled
from measuring.server import Process

A_SECOND = scaled(2_000)
SECONDS = 20 if scaled(100) == 100 else 2
CONNECTIONS = 50
NONCE = "0123456789abcdefghijkl"


def authorization(guard):
    return "Basic " + base64.b64encode(f"{guard['key_id']}:{guard['secret']}".encode()).decode()


def where_it_stands(server, guard):
    """The feed's position, and the tag of a body without entries beyond it."""
    url = f"{server.url}/oauth/revocations?nonce={NONCE}&since="

    def ask(since):
        request = urllib.request.Request(f"{url}{since}", headers={"Authorization": authorization(guard)})
        with urllib.request.urlopen(request) as answer:
            statement = answer.headers["Portcullis-Feed"].split(".")[1]
            return json.loads(base64.urlsafe_b64decode(statement + "=="))["position"], answer.headers["ETag"]

    position, _ = ask(0)
    return position, ask(position)[1]


def question(server, path, headers):
    head = [f"GET {path} HTTP/1.1", f"Host: {server.host()}", *headers, "", ""]
    return "\r\n".join(head).encode()


async def poll(server, request):
    """Share of a core that the server takes, and how many requests a second it was asked."""
    host, port = server.host().split(":")
    connections = min(CONNECTIONS, A_SECOND)
    began = time.monotonic() + 0.5

    async def client(number):
        reader, writer = await asyncio.open_connection(host, int(port))
        for turn in range(A_SECOND * SECONDS // connections):
            due = began + (turn * connections + number) / A_SECOND
            await asyncio.sleep(max(0, due - time.monotonic()))
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 304 "):
                raise RuntimeError(f"an answer to a poll: {answer[:60]}")
        writer.close()
        return turn + 1

    before = server.cpu()
    done = sum(await asyncio.gather(*map(client, range(connections))))
    took = time.monotonic() - began
    share, rate = (server.cpu() - before) / took, done / took
    if rate < A_SECOND * 0.95:
        raise RuntimeError(f"only {rate:.0f} polls a second: the client has too little of the machine")
    return share, rate


def measure(server, guard, floor):
    """What the polls cost the server, and empty answers at the same pace the floor: shares of a core."""
    position, tag = where_it_stands(server, guard)
    headers = [f"Authorization: {authorization(guard)}", f"If-None-Match: {tag}"]
    path = f"/oauth/revocations?nonce={NONCE}&since={position}"
    share, rate = asyncio.run(poll(server, question(server, path, headers)))
    beside = Process([floor])
    try:
        empty, _ = asyncio.run(poll(beside, question(beside, "/unchanged", headers)))
    finally:
        beside.stop()
    return share, rate, empty
