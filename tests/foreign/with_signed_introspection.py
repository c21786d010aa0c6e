"""PyJWT: verifies answers of introspection that are JWTs (RFC 9701), by the key set that is published."""

import jwt
import requests

from client import CLIENT_ID, CLIENT_SECRET, ISSUER, expect

metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
keys = jwt.PyJWKSet.from_dict(requests.get(metadata["jwks_uri"], timeout=10).json())
media_type = "application/token-introspection+jwt"


def ask(endpoint, form, **headers):
    answer = requests.post(endpoint, form, auth=(CLIENT_ID, CLIENT_SECRET), headers=headers, timeout=10)
    answer.raise_for_status()
    return answer


def introspect(token):
    answer = ask(metadata["introspection_endpoint"], {"token": token}, Accept=media_type)
    expect(answer.headers["Content-Type"] == media_type, "a JWT")
    header = jwt.get_unverified_header(answer.text)
    expect(header["typ"] == "token-introspection+jwt", "the type of RFC 9701")
    wanted = {"issuer": ISSUER, "audience": CLIENT_ID}
    wanted["algorithms"] = metadata["introspection_signing_alg_values_supported"]
    claims = jwt.decode(answer.text, keys[header["kid"]], options={"require": ["iss", "aud", "iat"]}, **wanted)
    expect(claims.keys() == {"iss", "aud", "iat", "token_introspection"}, "neither `sub` nor `exp`")
    return claims["token_introspection"]


token = ask(metadata["token_endpoint"], {"grant_type": "client_credentials"}).json()["access_token"]
said = introspect(token)
expect(said["active"] is True and said["client_id"] == CLIENT_ID, "an active token of this key")
print("active: done")
ask(metadata["revocation_endpoint"], {"token": token})
expect(introspect(token) == {"active": False}, "a revoked token")
print("revoked: done")
