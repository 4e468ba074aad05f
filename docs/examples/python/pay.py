"""Asks for a wallet and reports payments. Python 3.11, standard library only.

python3 pay.py create PAYER
python3 pay.py activate PAYER ORDER NUMBER AMOUNT
"""
import json
import os
import sys
import urllib.error
import urllib.request


def post(path: str, request: dict) -> dict:
    """Sends one request. When it raises, nothing is known to be decided: repeat it later with the same ids."""
    headers = {"Authorization": "Bearer " + os.environ["API_SECRET"], "Content-Type": "application/json"}
    http = urllib.request.Request(os.environ["API_URL"] + path, json.dumps(request).encode(), headers)
    try:
        with urllib.request.urlopen(http, timeout=20) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:  # codes like 422 come with an answer, too
        answer = json.load(error)
    if answer.get("status", "error") == "error":
        raise RuntimeError(answer.get("message", "no answer from the gateway"))
    return answer


def create(payer: str) -> str:
    """Returns the wallet that the payer should pay to. payer is your id of the user."""
    answer = post("/api/v1/transaction/create/phone_pe", {"currency": "INR", "label": payer})
    if answer["status"] != "ok":
        raise RuntimeError(answer["message"])
    return answer["params"]["identifier"]


def activate(payer: str, order: str, number: str, amount: str) -> dict:
    """Reports the transaction number that the payer typed. order is your id of this payment, amount decimal text."""
    return post("/api/v1/transaction/activate", {
        "currency_code": "INR", "wallet_type": "phone_pe", "label": payer,
        "key1": number, "amount": amount, "custom_transaction_id": order,
    })


if sys.argv[1] == "create":
    print(create(sys.argv[2]))
else:
    answer = activate(*sys.argv[2:6])
    match answer["status"]:
        case "ok":  # credited. The postback tells the same: book there, once
            print("ok", answer["deposit_amount"])
        case "pending" | "possible_transaction_created":  # show that; the postback tells when it is credited
            print(answer["status"], "is being checked")
        case _:  # fail: show it, let the payer correct the number or the amount
            print(answer["status"], answer["message"])
