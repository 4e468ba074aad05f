"""Receives postbacks. Python 3.11, standard library only.

python3 postback.py 127.0.0.1 9000
"""
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verify import postback_keys, verify_postback

KEYS = postback_keys(os.environ)
MAX_BODY = 65536


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
            length = int(self.headers["Content-Length"])
            if not 0 <= length <= MAX_BODY:
                self.answer(413, b'{"status":"fail"}')
                return
            postback = verify_postback(KEYS, self.rfile.read(length), self.headers, time.time())
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
