"""In whose name the requests of `with_schemathesis.py` are made, and how they keep it.

Schemathesis makes many requests before it sends the first. What it is given is therefore no credential but the
word for one, and only as a request leaves it becomes a token that was minted a moment ago: whatever a request has
rotated, retired or revoked, the next one may do everything. Requests that are to come without authority, or with
a wrong one, never had the word.
"""

import base64

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from scene import is_described

WORD = "Bearer of-whoever-may"


class Authority:
    def __init__(self, listener, place):
        self.listener, self.place, self.calls = listener, place, 0

        @schemathesis.auth(refresh_interval=None)
        class Provider:
            def get(self, case, context):
                return WORD

            def set(self, case, data, context):
                case.headers["Authorization"] = data

    def give(self, case):
        """The credentials that the word stands for."""
        if case.headers.get("Authorization") != WORD:
            return
        self.calls += 1
        if self.listener == "admin":
            case.headers["Authorization"] = f"Bearer {self.place.administrators_token()}"
        elif takes_tokens_alone(case.operation):
            case.headers["Authorization"] = f"Bearer {self.place.token()}"
        else:
            # Whoever blocks a key by its own secret has none afterwards.
            blocks = case.operation.path == "/v1/key/block"
            self.present(self.place.new_key() if blocks else self.place.key, case.headers)

    def present(self, key, headers):
        """In each way by turns."""
        way = self.calls % 3
        if way == 0:
            pair = base64.b64encode(f"{key['key_id']}:{key['secret']}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif way == 1:
            headers["Authorization"] = f"Bearer {key['secret']}"
        else:
            del headers["Authorization"]
            headers["X-App-Id"], headers["X-App-Token"] = key["key_id"], key["secret"]

    def may_sign(self, case):
        """Whether a signature that was made up is to become a real one, which nobody can make up; most are."""
        asked = "github-public-key-signature" in {name.lower() for name in case.headers}
        return asked and is_described(case, ParameterLocation.HEADER) and self.place.calls % 5 > 0


def takes_tokens_alone(operation):
    ways = operation.definition.raw.get("security", [])
    return bool(ways) and "token" in ways[0]
