"""Guards that follow by server-sent events: how soon all of them are told of a revocation."""

import asyncio
import time

from measuring.built import scaled
from measuring.polls import NONCE, authorization

FOLLOWERS = scaled(1_000)
# As many streams as one key may have.
OF_ONE_KEY = 250
REVOCATIONS = scaled(20, 2)


async def follow(server, guards, key):
    """Milliseconds from the end of a revoking command until every follower has been told."""
    host, port = server.host().split(":")
    told = asyncio.Queue()

    async def one(guard):
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        head = [f"GET /oauth/revocations?nonce={NONCE} HTTP/1.1", f"Host: {host}", "Accept: text/event-stream"]
        head += [f"Authorization: {authorization(guard)}", "", ""]
        writer.write("\r\n".join(head).encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"a stream does not begin: {status}")
        async for line in reader:
            if line.startswith(b"data: {"):
                await told.put(line.count(b'"revoke":"key"'))
        raise RuntimeError("a stream ended")

    streams = [asyncio.ensure_future(one(guards[number // OF_ONE_KEY])) for number in range(FOLLOWERS)]

    try:
        for _ in streams:
            await next_word(told, streams)  # where each begins
        seen = []
        for _ in range(REVOCATIONS):
            await asyncio.to_thread(server.shell, "key", "revoke-tokens", key["key_id"])
            began, waiting = time.monotonic(), FOLLOWERS
            while waiting:
                waiting -= 1 if await next_word(told, streams) else 0
            seen.append((time.monotonic() - began) * 1000)
        return seen
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def next_word(told, streams):
    """What some follower is told next."""
    try:
        return await asyncio.wait_for(told.get(), 60)
    except TimeoutError:
        failed = [stream.exception() for stream in streams if stream.done()]
        raise RuntimeError(f"not all followers were told within a minute: {failed[:3]}") from None


def measure(server, project, key):
    guards = [server.key(project, "portcullis:revocations") for _ in range(-(-FOLLOWERS // OF_ONE_KEY))]
    time.sleep(1)  # the running server has heard of them
    return asyncio.run(follow(server, guards, key))
