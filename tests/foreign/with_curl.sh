#!/usr/bin/env bash
# curl: token by basic and by post, introspection, revocation, discovery.
set -euo pipefail

expect() { [ "$1" = "$2" ] || { echo "expected $2, got $1" >&2; exit 1; }; }
field() { jq -r ".$1"; }

metadata=$(curl -fsS "$ISSUER/.well-known/oauth-authorization-server")
token_endpoint=$(field token_endpoint <<<"$metadata")
expect "$(field issuer <<<"$metadata")" "$ISSUER"

for method in basic post; do
    case $method in
    basic) who=(-u "$CLIENT_ID:$CLIENT_SECRET") ;;
    post) who=(--data-urlencode "client_id=$CLIENT_ID" --data-urlencode "client_secret=$CLIENT_SECRET") ;;
    esac
    ask() { curl -sS "${who[@]}" "$@"; }
    granted=$(ask -f -d grant_type=client_credentials -d scope=orders:read "$token_endpoint")
    expect "$(field scope <<<"$granted")" orders:read
    token=$(field access_token <<<"$granted")
    active() { ask -f --data-urlencode "token=$token" "$(field introspection_endpoint <<<"$metadata")" | field active; }
    expect "$(active)" true
    ask -f --data-urlencode "token=$token" "$(field revocation_endpoint <<<"$metadata")"
    expect "$(active)" false
    expect "$(ask -d grant_type=client_credentials -d scope=orders:write "$token_endpoint" | field error)" invalid_scope
    echo "$method: done"
done
