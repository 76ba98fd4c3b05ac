#!/usr/bin/env bash
# Redeems once, and learns the result over HTTP: curl is enough.
#
#     redeem.sh GOODS_ID PLAYER_ID [KEY]
#
# REDEEMQ_URL, API_KEY and API_SECRET say where and who.
set -euo pipefail

key=${3:-$(cat /proc/sys/kernel/random/uuid)}

# curl tries again what found no connection, lost it, took too long, or was answered 408, 429, 500, 502,
# 503 or 504, and waits as long as Retry-After says. With a key that is safe. Secrets go through a file
# descriptor: the arguments of a process can be seen by others.
body=$(mktemp)
trap 'rm -f "$body"' EXIT
call() { # path, arguments of curl…; a secret line of curl's configuration comes from stdin
  local path=$1
  shift
  curl --silent --show-error --max-time 10 --retry 60 --retry-max-time 120 --retry-all-errors \
    --config - --output "$body" "$REDEEMQ_URL$path" "$@"
  cat "$body" # a refusal that was tried again is not in it
}

field() { # name: the first text of this name in stdin
  sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p"
}

token=$(printf 'data-urlencode = "api_key=%s"\ndata-urlencode = "api_secret=%s"\n' \
  "$API_KEY" "$API_SECRET" | call /Auth | field token)
[[ $token ]] || { echo '/Auth gave no token' >&2; exit 1; }
bearer="header = \"Authorization: Bearer $token\""

answer=$(call /Redeem/goods -H "Idempotency-Key: $key" -H 'Prefer: wait=5' \
  --data-urlencode "goods_id=$1" --data-urlencode "player_id=$2" -d amount=1 <<<"$bearer")
while [[ $answer == *'"status":"queued"'* ]]; do
  job=$(field job_id <<<"$answer")
  answer=$(call "/Redeem/jobs/$job" -H 'Prefer: wait=5' <<<"$bearer")
done
printf 'http %s\n' "$answer"
