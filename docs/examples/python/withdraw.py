"""Asks for a payment to a bank account. Python 3.11, standard library only.

python3 withdraw.py ID PAYEE AMOUNT ACCOUNT NAME IFSC
"""
import hashlib
import json
import os
import sys
import urllib.parse
import urllib.request


def signed_text(value) -> str:
    """The values without their names, sorted by name at every level: True is "1", False and None are ""."""
    if isinstance(value, dict):
        return ":".join(signed_text(value[name]) for name in sorted(value))
    if isinstance(value, bool) or value is None:
        return "1" if value else ""
    return str(value)


def sign(request: dict) -> str:
    digest = hashlib.md5(signed_text(request).encode()).hexdigest()
    return hashlib.sha1((os.environ["WITHDRAWAL_KEY"] + digest).encode()).hexdigest()


def withdraw(id: str, payee: str, amount: int, account: str, name: str, ifsc: str) -> dict:
    """Asks once. id is your id of the withdrawal, stored before you ask: sent again with the same id it is a retry and
    never a second payment. When it raises, nobody knows yet: keep the money set aside, and send the same again later.
    """
    request = {
        "withdrawal_id": id, "payment_system": "imps_ib", "amount": amount, "currency_code": "INR", "is_test": False,
        "label": payee, "account_number": account, "account_name": name, "bank_details": {"branch_code": ifsc},
    }
    request["signature"] = sign(request)
    url = os.environ["API_URL"] + "/v2/withdrawal/create?" + urllib.parse.urlencode({"merchant": os.environ["MERCHANT"]})
    http = urllib.request.Request(url, json.dumps(request).encode(), {"Content-Type": "application/json"})
    # Only an answer with code 200 decides, and urlopen raises on others: a refused signature says nothing of what was sent
    # before.
    with urllib.request.urlopen(http, timeout=20) as response:
        answer = json.load(response)
    if response.status != 200 or answer.get("status") not in ("ok", "fail"):
        raise RuntimeError(f"not decided: {answer}")
    return answer


answer = withdraw(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:7])
match answer:
    case {"status": "ok"}:
        print("ok")  # taken on. How it ends the postback tells
    case {"message": dict(faults)}:  # a member is at fault: its name, and texts about it
        field, texts = next(iter(faults.items()))
        print(f"fail {field}: {' '.join(texts)}")
    case _:
        print("fail", answer["message"])
