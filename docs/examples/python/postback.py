"""Receives postbacks. Python 3.11, standard library only.

python3 postback.py 127.0.0.1 9000
"""
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCESS_KEY, PRIVATE_KEY = os.environ["ACCESS_KEY"], os.environ["POSTBACK_PRIVATE_KEY"]
MAX_BODY = 65536
WEBHOOK_KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))


def verify_postback(body: bytes, headers) -> dict | None:
    """Returns the members of a postback, or None when it isn't genuine."""
    # The headers: HMAC-SHA256 over id, time and the whole body. Several signatures while a secret is rotated.
    sent_at = headers.get("webhook-timestamp", "")
    signed = f"{headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.digest(WEBHOOK_KEY, signed, "sha256"))
    given = headers.get("webhook-signature", "").encode().split(b" ")
    if not any([hmac.compare_digest(signature, want) for signature in given]):
        return None
    if abs(time.time() - int(sent_at)) > 300:
        return None
    # The signature in the body, over additional_data. Beside the headers it adds nothing; without them, it is all.
    postback = json.loads(body)
    data = json.dumps(postback["additional_data"], ensure_ascii=False, separators=(",", ":")).encode()
    text = ACCESS_KEY + PRIVATE_KEY + hashlib.md5(data).hexdigest()
    genuine = hmac.compare_digest(postback["signature"], hashlib.sha1(text.encode()).hexdigest())
    return postback if genuine else None


def book(postback: dict) -> None:
    """Books a credit once, however often its postback comes."""
    credit = postback["additional_data"][0]
    # A file stands for your database: a row with a UNIQUE stockpiling_id, written with the user's new balance in one
    # transaction. plugin_custom_order_id is your order, label your user, amount what was paid as exact decimal text.
    line = f"{postback['label']} {credit['plugin_custom_order_id']} {credit['amount']} {credit['currency_code']}\n"
    try:
        with open(f"{os.environ['CREDITS']}/{credit['stockpiling_id']}", "x", encoding="utf-8") as file:
            file.write(line)
    except FileExistsError:
        pass


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        try:
            body = self.rfile.read(min(int(self.headers["Content-Length"]), MAX_BODY))
            postback = verify_postback(body, self.headers)
            if postback is not None and postback["direction"] == "ingoing":
                book(postback)
        except Exception as error:
            self.log_error("%r", error)
            self.answer(500, b'{"status":"error"}')  # the postback comes again
            return
        if postback is None:
            self.answer(403, b'{"status":"fail"}')
        else:
            self.answer(200, b'{"status":"ok"}')

    def answer(self, code: int, text: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Receiver).serve_forever()
