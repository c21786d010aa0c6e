"""Things of a shop that operations are about: made by the administrators' API, and made anew when they are used up."""

import base64
import json
import os
import time

import requests
from schemathesis.core.parameters import ParameterLocation

SCOPE = "orders:read"
# Nobody listens there; the server has to be allowed to try.
RECEIVER = "http://127.0.0.1:9/portcullis"


def part(token, at):
    """Header or claims of a token."""
    text = token.split(".")[at]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Scene:
    def __init__(self):
        self.public, self.admin = os.environ["PUBLIC"], os.environ["ADMIN"]
        self.whole = {"key_id": os.environ["CLIENT_ID"], "secret": os.environ["CLIENT_SECRET"]}
        self.http = requests.Session()
        self.kept, self.kept_at = None, 0
        self.project = self.act("POST", "projects", {"name": "Shop"})["project"]
        self.act("PUT", f"projects/{self.project}/scopes/{SCOPE}", {}, {"If-Match": "*"})
        # A limit on its tokens must not be the run's.
        self.edited = self.act("POST", "projects", {"name": "Mill"})["project"]
        self.role = self.act("POST", f"projects/{self.project}/roles", {"role": "cashier"})["role"]
        # One that mints, and one to be edited.
        self.key, self.spare = self.new_key(), self.new_key()
        self.calls = 0
        self.webhook = None
        # What was made under a path, by its last part.
        self.made = {}

    def mint(self, key):
        pair = (key["key_id"], key["secret"])
        answer = self.http.post(f"{self.public}/oauth/token", {"grant_type": "client_credentials"}, auth=pair)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def administrators_token(self):
        """One that lives: minted anew when it is old, or when a signing key was taken from it."""
        if self.kept is None or time.monotonic() - self.kept_at > 300:
            self.kept, self.kept_at = self.mint(self.whole), time.monotonic()
        return self.kept

    def token(self):
        """A live token of the shop's."""
        return self.mint(self.key)

    def act(self, method, path, body=None, headers=None):
        headers = {"Authorization": f"Bearer {self.administrators_token()}"} | (headers or {})
        answer = self.http.request(method, f"{self.admin}/admin/v1/{path}", json=body, headers=headers)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def new_key(self):
        permissions = [SCOPE, "portcullis:introspect", "portcullis:revocations"]
        return self.act("POST", "keys", {"project": self.project, "name": "Till", "permissions": permissions})

    # What is asked for

    def furnish(self, listener, case):
        """Real names in most of the requests that are as described; the others keep what was made up."""
        self.calls += 1
        if self.calls % 5 == 0 and not self.is_the_runs_own(case):
            return
        if listener == "admin":
            self.furnish_administration(case)
        else:
            self.furnish_callers(case)

    def is_the_runs_own(self, case):
        """Whether it is about what the run itself lives on, by whatever chance."""
        own = {"portcullis", self.project, self.key["key_id"], self.whole["key_id"]}
        return not own.isdisjoint(map(str, (case.path_parameters or {}).values()))

    def furnish_administration(self, case):
        path = case.operation.path
        if case.path_parameters and is_described(case, ParameterLocation.PATH):
            for name in [rest.split("}")[0] for rest in path.split("{")[1:]]:
                case.path_parameters[name] = self.name(case.operation.method.upper(), path, name)
        if "If-Match" in case.headers and is_described(case, ParameterLocation.HEADER):
            case.headers["If-Match"] = "*"
        if is_described(case, ParameterLocation.QUERY):
            self.furnish_query(case.query or {})
        if isinstance(case.body, dict) and is_described(case, ParameterLocation.BODY):
            self.makes_role = path.endswith("/roles")
            self.furnish_body(case.body)

    def furnish_query(self, query):
        if "project" in query:
            query["project"] = self.project
        # Who waits for others takes a second; some of the requests are enough.
        if "wait" in query and self.calls % 5 > 1:
            del query["wait"]
            query.pop("timeout", None)

    def furnish_body(self, body):
        """What the schema cannot say: names that are known, networks, times that are ahead."""
        if "project" in body:
            body["project"] = self.project
        if body.get("role"):
            # A key's is one that is there; a new one is called otherwise.
            body["role"] = f"new-{self.calls}" if self.makes_role else self.role
        if body.get("permissions"):
            body["permissions"] = [SCOPE]
        if body.get("includes"):
            body["includes"] = ["orders:write"]
        if body.get("allowlist"):
            body["allowlist"] = ["192.0.2.0/24"]
        if body.get("audiences"):
            body["audiences"] = [f"{self.public}/projects/{self.project}"]
        if body.get("expires_at"):
            body["expires_at"] = 4_000_000_000
        if "url" in body:
            body["url"] = RECEIVER

    def name(self, method, path, name):
        """The name of something that the operation can be carried out on."""
        if name == "project":
            return self.edited
        if name == "scope":
            return SCOPE
        if name == "audience":
            return self.audience(method)
        if name == "token":
            return part(self.token(), 1)["jti"]
        if name == "kid":
            return self.signing_key()
        if name == "role":
            role = {"role": f"role-{self.calls}", "permissions": [SCOPE]}
            return self.act("POST", f"projects/{self.edited}/roles", role)["role"]
        if name == "webhook":
            return self.new_webhook()
        if name == "message":
            self.act("POST", f"webhooks/{self.webhook}/test")
            return self.act("GET", f"webhooks/{self.webhook}/deliveries")["items"][0]["message"]
        if name == "key":
            return self.key_for(method, path)
        if name == "secret":
            return self.act("GET", f"keys/{self.last}/secrets")["items"][0]["secret_id"]
        above = path[: path.index("{" + name + "}")]
        return self.made.get(above, ["none"])[-1]

    def new_webhook(self):
        """One in place of the one before: there is a limit to them."""
        if self.webhook in [row["webhook"] for row in self.act("GET", "webhooks?limit=1000")["items"]]:
            self.act("DELETE", f"webhooks/{self.webhook}", headers={"If-Match": "*"})
        self.webhook = self.act("POST", "webhooks", {"project": self.edited, "url": RECEIVER})["webhook"]
        return self.webhook

    def key_for(self, method, path):
        """A key that this can be done to, which is never the administrator's."""
        if method in ["GET", "PATCH"] or path.endswith("/revoke-tokens"):
            self.last = self.spare["key_id"]
        else:
            self.last = self.new_key()["key_id"]
        if path.endswith("/unblock"):
            self.act("POST", f"keys/{self.last}/block")
        return self.last

    def audience(self, method):
        """One that is there to be removed, or another to be added."""
        # Without a slash, which Schemathesis does not escape.
        new = f"urn:example:{self.project}:{self.calls}"
        if method == "DELETE":
            self.act("PUT", f"projects/{self.edited}/audiences/{new}")
        return new

    def signing_key(self):
        """One to be retired: one that waits for its turn, now and then the one that signs."""
        if self.calls % 7 == 0:
            return part(self.token(), 0)["kid"]
        return self.act("POST", "signing-keys/rotate", {})["new"]["kid"]

    def furnish_callers(self, case):
        if case.operation.path == "/verify" and is_described(case, ParameterLocation.QUERY):
            case.query["project"] = self.project
            case.query.pop("audience", None)
        body = case.body
        if not body or not is_described(case, ParameterLocation.BODY):
            return
        if case.operation.path.startswith("/v1/leaks"):
            self.furnish_report(body)
        if not isinstance(body, dict):
            return
        # The credentials are in the headers.
        for name in ["client_id", "client_secret", "resource", "audience", "client_ip"]:
            body.pop(name, None)
        for name in ["token", "access_token"]:
            if name in body:
                body[name] = self.token()
        if "scope" in body:
            body["scope"] = SCOPE

    def furnish_report(self, body):
        """Now and then a secret that is one, of a key that nothing else lives on."""
        if self.calls % 4 != 1:
            return
        if isinstance(body, dict):
            body["secrets"] = [self.new_key()["secret"], *body["secrets"][1:]]
        elif isinstance(body[0], dict):
            body[0]["token"] = self.new_key()["secret"]

    # What was answered

    def learn(self, case, response):
        """Remembers what a request has made, for the operations that are about it."""
        if "/signing-keys/" in case.operation.path:
            self.kept = None
        where = [value for name, value in response.headers.items() if name.lower() == "location"]
        if where:
            value = where[0][0] if isinstance(where[0], list) else where[0]
            self.made.setdefault(f"{case.operation.path}/", []).append(value.rsplit("/", 1)[1])


def is_described(case, location):
    """Whether this part of the request is as the document says."""
    return case.meta is None or not case.meta.is_negative_at(location)

