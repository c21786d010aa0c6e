"""Holds the guard of guard.py to the vectors of the guard crate."""

import json, os, sys

import jwt

from guard import Refused, believe, judge, need, take_up


def of_token(case, vectors, keys):
    known = {name: vectors[name] for name in ["issuer", "project", "audiences", "entries"]}
    asked = [case[name] for name in ["token", "scope", "address", "origin", "now"]]
    judge(*asked, keys=keys, is_stale=case["stale"], **known)
    return "ok"


def of_answer(case, vectors, keys):
    answer = [case["statement"], case["body"].encode(), case["nonce"]]
    said, _, kid = believe(*answer, vectors["issuer"], vectors["project"], keys)
    need(kid not in case["revoked_keys"], "revoked_feed_key")
    age = max(0, case["since_sent"] - said["elapsed"]) + said["age"]
    behind = said["now"] - case["own_clock"] > 5000
    need((case.get("age", age), case.get("behind", behind)) == (age, behind), f"an age of {age}, {behind}")
    return take_up(said, case["known"], case["stale"])


for name, verdict_of, jwks in [("tokens", of_token, "jwks"), ("feed", of_answer, "feed_jwks")]:
    with open(os.path.join(os.environ["VECTORS"], f"{name}.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(vectors[jwks]).keys}
    for case in vectors["cases"]:
        try:
            verdict = verdict_of(case, vectors, keys)
        except Refused as refused:
            verdict = str(refused)
        if verdict != case["verdict"]:
            sys.exit(f"{name}: {case['name']}: {verdict}, expected: {case['verdict']}")
    print(f"{name}: {len(vectors['cases'])} cases: done")
