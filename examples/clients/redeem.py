"""Redeems once, and learns the result over HTTP and over AMQP.

    pip install pika==1.4.4
    python redeem.py GOODS_ID PLAYER_ID [KEY]

REDEEMQ_URL, REDEEMQ_CLIENT, API_KEY, API_SECRET and CLIENT_AMQP_URL say where and who.
"""
import http.client, json, os, sys, time, urllib.error, urllib.parse, urllib.request, uuid
import pika

URL, CLIENT = os.environ["REDEEMQ_URL"], os.environ["REDEEMQ_CLIENT"]


def call(path, fields=None, headers={}):
    """Tries until there is an answer: what is sent with a key may be sent again."""
    body = urllib.parse.urlencode(fields).encode() if fields else None
    for _ in range(60):
        pause = 1
        try:
            request = urllib.request.Request(URL + path, body, headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            if refusal.code not in (429, 503):
                return refusal.code, json.load(refusal)
            pause = int(refusal.headers["Retry-After"] or 1)
        except (OSError, http.client.HTTPException):  # no connection, or no answer in time
            pass
        time.sleep(pause)
    sys.exit(f"{path}: no answer in 60 tries")


def main(goods, player, key):
    # The queue comes before the job: what is published before it is bound goes elsewhere.
    channel = pika.BlockingConnection(pika.URLParameters(os.environ["CLIENT_AMQP_URL"])).channel()
    queue = f"client.{CLIENT}.{uuid.uuid4()}"
    channel.queue_declare(queue, exclusive=True)
    channel.queue_bind(queue, "redeem.results", f"{CLIENT}.#")

    pair = {"api_key": os.environ["API_KEY"], "api_secret": os.environ["API_SECRET"]}
    status, token = call("/Auth", pair)
    if status != 200:
        sys.exit(f"/Auth: {token['error_code']} {token['message']}")
    bearer = {"Authorization": "Bearer " + token["response"]["token"]}
    once = {"Idempotency-Key": key, "X-Correlation-Id": key, "Prefer": "wait=5"}
    job = {"goods_id": goods, "player_id": player, "amount": 1}
    status, answer = call("/Redeem/goods", job, bearer | once)
    while status == 202 or answer["response"] and answer["response"].get("status") == "queued":
        path = f"/Redeem/jobs/{answer['response']['job_id']}"
        status, answer = call(path, None, bearer | {"Prefer": "wait=5"})
    if answer["response"] and "job_id" in answer["response"]:  # it came by GET; none if the job is dead
        answer = answer["response"]["result"] or answer["response"]
    print("http", json.dumps(answer))

    for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=30):
        if method is None:
            sys.exit("no result over AMQP within 30 s")
        if properties.correlation_id == key:  # others of this client come here as well
            return print("amqp", body.decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if sys.argv[3:] else str(uuid.uuid4()))
