"""requests-oauthlib: a session that obtains its token by basic and by post, and uses it."""

from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from client import CLIENT_ID, CLIENT_SECRET, ISSUER, expect

BASIC = HTTPBasicAuth(CLIENT_ID, CLIENT_SECRET)


def fetch(secret=CLIENT_SECRET, scope="orders:read", basic=True):
    session = OAuth2Session(client=BackendApplicationClient(client_id=CLIENT_ID, scope=[scope]))
    endpoint = session.get(f"{ISSUER}/.well-known/oauth-authorization-server", withhold_token=True).json()[
        "token_endpoint"
    ]
    how = (
        {"auth": HTTPBasicAuth(CLIENT_ID, secret)}
        if basic
        else {"include_client_id": True, "client_secret": secret}
    )
    return session, session.fetch_token(endpoint, **how)


for basic in [True, False]:
    session, token = fetch(basic=basic)
    expect(token["scope"] == ["orders:read"] and token["expires_in"] <= 900, "a narrowed token")

    # Its own requests carry the token: the server judges it as a resource server would.
    verify = session.get(f"{ISSUER}/v1/auth/verify")
    expect(verify.status_code == 200, "a token that passes")

    def introspect():
        form = {"token": token["access_token"]}
        answer = session.post(f"{ISSUER}/oauth/introspect", data=form, auth=BASIC, withhold_token=True)
        return answer.json()["active"]

    expect(introspect() is True, "an active token")
    url, headers, body = session._client.prepare_token_revocation_request(
        f"{ISSUER}/oauth/revoke", token["access_token"]
    )
    revoked = session.post(url, headers=headers, data=body, auth=BASIC, withhold_token=True)
    expect(revoked.status_code == 200, "a revocation")
    expect(introspect() is False, "a revoked token")
    expect(session.get(f"{ISSUER}/v1/auth/verify").status_code == 401, "a token that is refused")

    for wrong, error in [({"scope": "orders:write"}, InvalidScopeError), ({"secret": "x"}, InvalidClientError)]:
        try:
            fetch(basic=basic, **wrong)
            expect(False, error.__name__)
        except error:
            pass
    print(f"{'basic' if basic else 'post'}: done")
