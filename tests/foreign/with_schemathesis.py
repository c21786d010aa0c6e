"""Schemathesis against one of the documents in `openapi/`: every operation, as described and against what is
described. Whatever is answered must be described: status, media type, headers, body; and no 5xx.

    with_schemathesis.py public|keys|administration EXAMPLES [SEED]

Without a seed the same requests are made in every run.

Told by the environment: `PUBLIC` and `ADMIN` are where the server is, `CLIENT_ID` and `CLIENT_SECRET` a key that
may administer everything. Each operation must have been carried out at least once, or the run has seen nothing.
"""

import json
import os
import pathlib
import re
import sys
import tempfile

import schemathesis
from schemathesis.cli import schemathesis as command

from authority import Authority
from reporter import sign
from scene import Scene

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]

# Of a stream that never ends the first event is enough. A missing If-Match is answered as RFC 6585 section 3 says,
# one that does not fit before anything else is read. Nothing is learnt from answers: the requests would be others each
# time, and the administrator's own key among what they are about.
SETTINGS = """
max-stream-events = 1
[phases.coverage.extra-data-sources]
responses = false

[phases.fuzzing.extra-data-sources]
responses = false

[checks]
missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]
"""


# Which document, and which of its paths: the administrators' is run in two parts, side by side.
PARTS = {
    "public": ("oauth.json", "^/"),
    "keys": ("admin.json", "^/admin/v1/keys"),
    "administration": ("admin.json", "^/(?!admin/v1/keys)"),
}


class Seen:
    """What was answered: how often an operation was answered with a status."""

    def __init__(self, document, pattern):
        paths = json.loads(document.read_text())["paths"]
        paths = {path: item for path, item in paths.items() if re.search(pattern, path)}
        self.statuses = {f"{method.upper()} {path}": {} for path, item in paths.items() for method in item}

    def note(self, case, response):
        of_operation = self.statuses[f"{case.operation.method.upper()} {case.operation.path}"]
        of_operation[response.status_code] = of_operation.get(response.status_code, 0) + 1

    def undone(self):
        """The operations that were never carried out."""
        done = [name for name, seen in self.statuses.items() if any(200 <= status < 300 for status in seen)]
        return [name for name in self.statuses if name not in done]

    def report(self):
        for name, seen in sorted(self.statuses.items()):
            print(f"{name}: " + ", ".join(f"{status} × {count}" for status, count in sorted(seen.items())))


def write_settings():
    """What counts as a refusal, beyond what Schemathesis expects."""
    pathlib.Path("schemathesis.toml").write_text(SETTINGS)
    return "schemathesis.toml"


def run(part, examples, seed=None):
    name, pattern = PARTS[part]
    document, listener = ROOT / "openapi" / name, "public" if part == "public" else "admin"
    place, seen = Scene(), Seen(document, pattern)
    authority = Authority(listener, place)

    @schemathesis.hook
    def before_call(context, case, kwargs):
        place.furnish(listener, case)
        authority.give(case)
        if authority.may_sign(case):
            kwargs["auth"] = sign

    @schemathesis.hook
    def after_call(context, case, response):
        seen.note(case, response)
        place.learn(case, response)

    @schemathesis.hook
    def filter_failure(context, failure, case, response):
        # Half of a credential is malformed, which is refused as well.
        is_refused = "got `400 Bad Request`" in failure.message
        # It takes every method, also those that OpenAPI has no word for.
        takes_all = case.operation.path == "/verify" and failure.message.startswith("Unsupported method")
        # A stream of events is a text: OpenAPI 3.1 has no words for what is in it.
        is_event = failure.title.startswith("SSE event")
        return not is_refused and not takes_all and not is_event

    arguments = [
        f"--config-file={write_settings()}",
        "run",
        str(document),
        f"--url={place.admin if listener == 'admin' else place.public}",
        f"--include-path-regex={pattern}",
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={examples}",
        f"--seed={seed}" if seed else "--generation-deterministic",
        f"--checks={','.join(CHECKS)}",
        "--continue-on-failure",
        "--no-shrink",
        "--workers=1",
        "--suppress-health-check=all",
        "--request-timeout=30",
        "--warnings=off",
        "--no-color",
    ]
    try:
        status = command.main(arguments, standalone_mode=False)
    except SystemExit as end:
        status = end.code
    seen.report()
    if status:
        sys.exit("something is not as described")
    if seen.undone():
        sys.exit(f"never carried out, so nothing is known of them: {', '.join(seen.undone())}")
    print(f"{part}: {sum(sum(each.values()) for each in seen.statuses.values())} requests: done")


if __name__ == "__main__":
    # It leaves folders of its own where it runs.
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run(*sys.argv[1:])
