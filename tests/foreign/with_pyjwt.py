"""PyJWT: verifies tokens offline, by the key set that was fetched once. Reads lines `ALG TOKEN`."""

import json
import os
import sys

import jwt

from client import ISSUER, expect

keys = jwt.PyJWKSet.from_dict(json.loads(os.environ["JWKS"]))
for line in sys.stdin.read().split("\n"):
    if not line:
        continue
    algorithm, token = line.split(" ")
    header = jwt.get_unverified_header(token)
    expect(header["alg"] == algorithm and header["typ"] == "at+jwt", f"a token of {algorithm}")
    wanted = {"issuer": ISSUER, "audience": os.environ["AUDIENCE"], "algorithms": [algorithm]}
    required = {"require": ["exp", "iat", "jti", "sub", "iss", "aud"]}
    claims = jwt.decode(token, keys[header["kid"]], options=required, **wanted)
    expect(claims["exp"] - claims["iat"] == 900, "fifteen minutes")
    head, body, signature = token.split(".")
    altered = ".".join([head, body, ("B" if signature[0] == "A" else "A") + signature[1:]])
    try:
        jwt.decode(altered, keys[header["kid"]], **wanted)
        expect(False, "a refused signature")
    except jwt.InvalidSignatureError:
        pass
    print(f"{algorithm}: done")
