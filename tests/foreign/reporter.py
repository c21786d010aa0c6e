"""Somebody who signs reports of leaked secrets: the signature is over the very bytes that are sent."""

import base64
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ID = json.loads(pathlib.Path(__file__).with_name("signers.json").read_text())["public_keys"][0]["key_identifier"]
# No secret: whose signatures count is in signers.json, which the tests alone give to a server.
KEY = ec.derive_private_key(0x706F727463756C6C6973, ec.SECP256R1())


def sign(request):
    """As what `requests` calls an authentication: the last to see the request, body and all."""
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    signature = KEY.sign(body, ec.ECDSA(hashes.SHA256()))
    request.headers["Github-Public-Key-Identifier"] = ID
    request.headers["Github-Public-Key-Signature"] = base64.b64encode(signature).decode()
    return request
