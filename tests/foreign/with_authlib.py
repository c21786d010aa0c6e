"""Authlib's session: token, introspection, revocation, by basic and by post."""

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from client import CLIENT_ID, CLIENT_SECRET, ISSUER, expect

metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
expect(metadata["issuer"] == ISSUER, "the issuer of the metadata")


def session(method, secret=CLIENT_SECRET, scope="orders:read"):
    methods = {"token_endpoint_auth_method": method, "revocation_endpoint_auth_method": method}
    return OAuth2Session(CLIENT_ID, secret, scope=scope, **methods)


for method in ["client_secret_basic", "client_secret_post"]:
    expect(method in metadata["token_endpoint_auth_methods_supported"], method)
    with session(method) as client:
        token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        expect(token["scope"] == "orders:read" and 890 < token["expires_in"] <= 900, "a narrowed token")

        def introspect():
            answer = client.introspect_token(metadata["introspection_endpoint"], token["access_token"])
            answer.raise_for_status()
            return answer.json()

        expect(introspect()["active"] is True, "an active token")
        revoked = client.revoke_token(metadata["revocation_endpoint"], token["access_token"])
        expect(revoked.status_code == 200, "a revocation")
        expect(introspect() == {"active": False}, "a revoked token")
    for arguments, error in [({"scope": "orders:write"}, "invalid_scope"), ({"secret": "x"}, "invalid_client")]:
        with session(method, **arguments) as client:
            try:
                client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
                expect(False, error)
            except OAuthError as refused:
                expect(refused.error == error, error)
    print(f"{method}: done")
