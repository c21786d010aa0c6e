"""A guard in another language: docs/guard.md, step by step, held to the vectors of the guard crate.

PyJWT brings the key sets and the signatures; everything else is what the page says.
"""

import base64, hashlib, ipaddress, json, os, re, sys

import jwt

ALGORITHMS = jwt.algorithms.get_default_algorithms()
TARGETS = {"all": [], "project": ["project"], "key": ["project", "key"], "token": ["project", "jti"],
           "subject": ["project", "kind", "subject"], "signing_key": ["kid"]}


class Refused(Exception):
    """The verdict, if it is not a good one."""


def need(holds, reason):
    if not holds:
        raise Refused(reason)


def whole(value):
    return type(value) is int and 0 <= value < 2**63


def texts(value, *names):
    return all(type(value.get(name)) is str for name in names)


def decode(part, length=None):
    """Canonical base64url without padding, or None."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
        again = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return raw if again == part and length in (None, len(raw)) else None
    except (ValueError, TypeError):
        return None


def read_object(raw):
    try:
        value = json.loads(raw)
        return value if type(value) is dict else None
    except (ValueError, TypeError):
        return None


def take_apart(jws):
    parts = jws.split(".")
    need(len(parts) == 3 and parts[2], "malformed")
    header = read_object(decode(parts[0]))
    need(header and type(header.get("alg")) is str, "malformed")
    return header, parts


def check_signature(key, parts):
    signature = decode(parts[2])
    signed = ".".join(parts[:2]).encode()
    need(signature and ALGORITHMS[key.algorithm_name].verify(signed, key.key, signature), "signature")


def key_set(jwks):
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(jwks).keys}


def is_entry(entry):
    names = TARGETS.get(entry.get("revoke")) if type(entry) is dict else None
    ends = entry.get("ends", 0) if names is not None else None
    return names is not None and whole(entry.get("position")) and type(ends) is int and texts(entry, *names)


def judge_answer(case, vectors, keys):
    jws, body = case["statement"], case["body"].encode()
    need(len(jws) <= 4096, "malformed")
    header, parts = take_apart(jws)
    need(header.get("typ") == "portcullis-feed+jwt", "wrong_type")
    need("crit" not in header, "critical_header")
    key = keys.get(header.get("kid"))
    need(key and key.algorithm_name == header["alg"], "unknown_feed_key")
    check_signature(key, parts)
    said = read_object(decode(parts[1])) or {}
    numbers = ["since", "position", "age", "elapsed", "now"]
    is_tag = lambda tag: type(tag) is str and re.fullmatch("[0-9a-f]{16}", tag) is not None
    need(texts(said, "iss", "prj", "nonce", "sha256") and all(whole(said.get(name)) for name in numbers), "statement")
    need(decode(said["sha256"], 32) and is_tag(said.get("tag")) and type(said.get("snapshot")) is bool, "statement")
    need(said["snapshot"] != ("since_tag" in said) and is_tag(said.get("since_tag", "0" * 16)), "statement")
    need(said["snapshot"] or said["since"] <= said["position"], "statement")
    need(said["iss"] == vectors["issuer"], "issuer")
    need(said["prj"] == vectors["project"], "project")
    need(said["nonce"] == case["nonce"], "nonce")
    need(decode(said["sha256"]) == hashlib.sha256(body).digest(), "body")
    entries = (read_object(body) or {}).get("entries")
    need(type(entries) is list and all(map(is_entry, entries)), "entries")
    after = 0 if said["snapshot"] else said["since"]
    for entry in entries:
        need(entry.get("project", vectors["project"]) == vectors["project"], "misplaced_entry")
        need(after < entry["position"] <= said["position"], "misplaced_entry")
        after = entry["position"]
    need(key.key_id not in case["revoked_keys"], "revoked_feed_key")
    age = max(0, case["since_sent"] - said["elapsed"]) + said["age"]
    behind = said["now"] - case["own_clock"] > 5000
    need((case.get("age", age), case.get("behind", behind)) == (age, behind), f"an age of {age}, {behind}")
    known = case["known"]
    if said["snapshot"]:
        need(not known or case["stale"] or said["position"] >= known["position"], "behind")
        return "replace"
    need(known and said["since"] == known["position"], "gap")
    need(said["since_tag"] == known["tag"], "other_history")
    need(said["position"] != known["position"] or said["tag"] == known["tag"], "other_history")
    return "extend"


def network(raw):
    try:
        return ipaddress.ip_network(raw)
    except (ValueError, TypeError):
        return None


def are_claims(c):
    one_or_more = lambda value: value if type(value) is list else [value]
    link = lambda a: type(a) is dict and decode(a.get("jti"), 16) and texts(a, "key") and whole(a.get("pos"))
    all_texts = lambda values: type(values) is list and all(type(value) is str for value in values)
    return (
        texts(c, "iss", "sub", "client_id", "scope", "prj") and all(whole(c.get(n)) for n in ["exp", "iat", "pos"])
        and all_texts(one_or_more(c.get("aud"))) and one_or_more(c["aud"]) and decode(c.get("jti"), 16)
        and ("ips" not in c or type(c["ips"]) is list and c["ips"] and all(map(network, c["ips"])))
        and all_texts(c.get("org", [])) and type(c.get("anc", [])) is list and len(c.get("anc", [])) <= 4
        and all(map(link, c.get("anc", []))) and type(c.get("sub_kind", "")) is str
    )


def is_revoked(c, entries):
    chain = [{"jti": c["jti"], "key": c["client_id"], "pos": c["pos"]}, *c.get("anc", [])]
    oldest = min(link["pos"] for link in chain)

    def kills(entry):
        if entry["revoke"] == "token":
            return entry["jti"] in [link["jti"] for link in chain]
        if entry["revoke"] == "key":
            return any(entry["key"] == link["key"] and link["pos"] < entry["position"] for link in chain)
        if entry["revoke"] == "subject" and (entry["kind"], entry["subject"]) != (c.get("sub_kind"), c["sub"]):
            return False
        return entry["revoke"] != "signing_key" and oldest < entry["position"]

    return any(map(kills, entries))


def covers(held, wanted):
    is_wild = held.endswith(":*") and wanted.split(":")[0] != "portcullis"
    return held == wanted or is_wild and wanted.startswith(held[:-1]) and len(wanted) > len(held) - 1


def is_inside(address, networks):
    if address is None:
        return False
    address = ipaddress.ip_address(address)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network(raw) for raw in networks)


def judge_token(case, vectors, keys):
    token = case["token"]
    need(len(token) <= 4096, "too_long")
    header, parts = take_apart(token)
    need(str(header.get("typ")).lower() in ["at+jwt", "application/at+jwt"], "wrong_type")
    need("crit" not in header, "critical_header")
    need(header["alg"] in ["ES256", "EdDSA", "RS256"], "algorithm")
    key = keys.get(header.get("kid"))
    need(key, "unknown_signing_key")
    need(key.algorithm_name == header["alg"], "algorithm")
    check_signature(key, parts)
    c = read_object(decode(parts[1]))
    need(c and are_claims(c), "claims")
    need(c["iss"] == vectors["issuer"], "issuer")
    need(c["prj"] == vectors["project"], "project")
    need(set(vectors["audiences"]) & set(c["aud"] if type(c["aud"]) is list else [c["aud"]]), "audience")
    need(case["now"] < c["exp"], "expired")
    need(not case["stale"], "stale")
    entries = vectors["entries"]
    need(all(entry.get("kid") != key.key_id for entry in entries), "signing_key_revoked")
    need(not is_revoked(c, entries), "revoked")
    held = c["scope"].split()
    need(all(any(covers(one, wanted) for one in held) for wanted in case["scope"].split()), "insufficient_scope")
    need("ips" not in c or is_inside(case["address"], c["ips"]), "address")
    need("org" not in c or case["origin"] in c["org"], "origin")
    need("cnf" not in c, "proof")
    return "ok"


for name, judge in [("tokens", judge_token), ("feed", judge_answer)]:
    with open(os.path.join(os.environ["VECTORS"], f"{name}.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    keys = key_set(vectors.get("jwks") or vectors["feed_jwks"])
    for case in vectors["cases"]:
        try:
            verdict = judge(case, vectors, keys)
        except Refused as refused:
            verdict = str(refused)
        if verdict != case["verdict"]:
            sys.exit(f"{name}: {case['name']}: {verdict}, expected: {case['verdict']}")
    print(f"{name}: {len(vectors['cases'])} cases: done")
