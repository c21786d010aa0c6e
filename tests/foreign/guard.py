"""A guard in another language: docs/guard.md, step by step. PyJWT brings key sets and signatures."""

import base64, hashlib, ipaddress, json, re

import jwt

ALGORITHMS = jwt.algorithms.get_default_algorithms()


class Refused(Exception):
    """Why not."""


def need(holds, reason):
    if not holds:
        raise Refused(reason)


def attempt(do, raw):
    """What comes of it; None, if it cannot be done with that."""
    try:
        return do(raw)
    except (ValueError, TypeError):
        return None


def decode(part):
    """Canonical base64url without padding; None of anything else."""
    raw = attempt(lambda part: base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True), part)
    return raw if raw is not None and base64.urlsafe_b64encode(raw).decode().rstrip("=") == part else None


def read_object(raw):
    """A JSON object; an empty one of anything else."""
    value = attempt(json.loads, raw)
    return value if type(value) is dict else {}


text, number, flag = (lambda value, kind=kind: type(value) is kind for kind in (str, int, bool))
network = lambda raw: attempt(ipaddress.ip_network, raw)
whole = lambda value: number(value) and 0 <= value < 2**63
tag = lambda value: text(value) and re.fullmatch("[0-9a-f]{16}", value)
binary = lambda length: lambda value: len(decode(value) or b"") == length
some = lambda is_one, least=1, most=2**63: lambda value: (
    type(value) is list and least <= len(value) <= most and all(map(is_one, value)))


def members(perhaps={}, **always):
    """The shape of an object: what it must have, and of what shape the rest is, if it is there."""
    return lambda value: type(value) is dict and all(name in value for name in always) and all(
        fits(value[name]) for name, fits in {**perhaps, **always}.items() if name in value)


STATEMENT = members({"since_tag": tag}, iss=text, prj=text, nonce=text, sha256=binary(32), tag=tag, snapshot=flag,
                    since=whole, position=whole, age=whole, elapsed=whole, now=whole)
ENTRY = members({"ends": number}, position=whole, revoke=text)
TARGET = {"all": members(), "project": members(project=text), "key": members(project=text, key=text),
          "subject": members(project=text, kind=text, subject=text), "token": members(project=text, jti=text),
          "signing_key": members(kid=text)}
CLAIMS = members({"ips": some(network), "org": some(text, 0), "sub_kind": text,
                  "anc": some(members(jti=binary(16), key=text, pos=whole), 0, 4)},
                 iss=text, sub=text, client_id=text, scope=text, prj=text, jti=binary(16), exp=whole, iat=whole,
                 pos=whole, aud=lambda value: text(value) or some(text)(value))


def take_apart(jws):
    parts = jws.split(".")
    header = read_object(decode(parts[0]))
    need(len(parts) == 3 and parts[2] and text(header.get("alg")), "malformed")
    return header, parts


def check_signature(key, parts):
    signature, signed = decode(parts[2]), ".".join(parts[:2]).encode()
    need(signature and ALGORITHMS[key.algorithm_name].verify(signed, key.key, signature), "signature")


def believe(statement, body, nonce, issuer, project, keys):
    """What an answer of the feed says: its statement and its entries."""
    need(len(statement) <= 4096, "malformed")
    header, parts = take_apart(statement)
    need(header.get("typ") == "portcullis-feed+jwt", "wrong_type")
    need("crit" not in header, "critical_header")
    key = keys.get(header.get("kid"))
    need(key and key.algorithm_name == header["alg"], "unknown_feed_key")
    check_signature(key, parts)
    said = read_object(decode(parts[1]))
    need(STATEMENT(said) and said["snapshot"] != ("since_tag" in said), "statement")
    need(said["snapshot"] or said["since"] <= said["position"], "statement")
    for claim, ours, reason in [("iss", issuer, "issuer"), ("prj", project, "project"), ("nonce", nonce, "nonce")]:
        need(said[claim] == ours, reason)
    need(decode(said["sha256"]) == hashlib.sha256(body).digest(), "body")
    entries = read_object(body).get("entries")
    need(some(lambda entry: ENTRY(entry) and TARGET.get(entry["revoke"], text)(entry), 0)(entries), "entries")
    after = 0 if said["snapshot"] else said["since"]
    for entry in entries:
        need(entry.get("project", project) == project and after < entry["position"] <= said["position"], "misplaced_entry")
        after = entry["position"]
    return said, entries, key.key_id


def take_up(said, known, is_stale):
    """What to do with the entries of an answer, for whoever knows the feed up to there."""
    if said["snapshot"]:
        need(not known or is_stale or said["position"] >= known["position"], "behind")
        return "replace"
    need(known and said["since"] == known["position"], "gap")
    need(said["since_tag"] == known["tag"], "other_history")
    need(said["position"] != known["position"] or said["tag"] == known["tag"], "other_history")
    return "extend"


def is_revoked(claims, entries):
    chain = [{"jti": claims["jti"], "key": claims["client_id"], "pos": claims["pos"]}, *claims.get("anc", [])]
    oldest, subject = min(link["pos"] for link in chain), (claims.get("sub_kind"), claims["sub"])
    kills = {
        "token": lambda entry: any(entry["jti"] == link["jti"] for link in chain),
        "key": lambda entry: any(entry["key"] == link["key"] and link["pos"] < entry["position"] for link in chain),
        "subject": lambda entry: (entry["kind"], entry["subject"]) == subject and oldest < entry["position"],
        "signing_key": lambda entry: False,
    }
    return any(kills.get(entry["revoke"], lambda entry: oldest < entry["position"])(entry) for entry in entries)


def covers(held, wanted):
    is_wild = held.endswith(":*") and wanted.split(":")[0] != "portcullis"
    return held == wanted or is_wild and wanted.startswith(held[:-1]) and len(wanted) > len(held) - 1


def is_inside(address, networks):
    address = address and ipaddress.ip_address(address)
    address = getattr(address, "ipv4_mapped", None) or address
    return address is not None and any(address in network(raw) for raw in networks)


def judge(token, scope, address, origin, now, *, issuer, project, audiences, keys, entries, is_stale):
    """The claims of a token that may pass."""
    need(len(token) <= 4096, "too_long")
    header, parts = take_apart(token)
    need(str(header.get("typ")).lower() in ["at+jwt", "application/at+jwt"], "wrong_type")
    need("crit" not in header, "critical_header")
    need(header["alg"] in ["ES256", "EdDSA", "RS256"], "algorithm")
    key = keys.get(header.get("kid"))
    need(key, "unknown_signing_key")
    need(key.algorithm_name == header["alg"], "algorithm")
    check_signature(key, parts)
    claims = read_object(decode(parts[1]))
    need(CLAIMS(claims), "claims")
    need(claims["iss"] == issuer, "issuer")
    need(claims["prj"] == project, "project")
    need(set(audiences) & set([claims["aud"]] if text(claims["aud"]) else claims["aud"]), "audience")
    need(now < claims["exp"], "expired")
    need(not is_stale, "stale")
    need(all(entry.get("kid") != key.key_id for entry in entries), "signing_key_revoked")
    need(not is_revoked(claims, entries), "revoked")
    held = claims["scope"].split()
    need(all(any(covers(one, wanted) for one in held) for wanted in scope.split()), "insufficient_scope")
    need("ips" not in claims or is_inside(address, claims["ips"]), "address")
    need("org" not in claims or origin in claims["org"], "origin")
    need("cnf" not in claims, "proof")
    return claims
