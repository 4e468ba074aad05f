"""Reads a message per line and prints for each what the example's verifier makes of it: null, or what would be booked."""
import base64
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path[0] = os.path.join(os.path.dirname(__file__), "../../../../docs/examples/python")
from verify import postback_keys, verify_postback  # noqa: E402

keys = postback_keys(os.environ)
for line in sys.stdin:
    m = json.loads(line)
    names = {"webhook-id": "id", "webhook-timestamp": "time", "webhook-signature": "signatures"}
    headers = {header: m[name] for header, name in names.items() if name in m}
    postback = verify_postback(keys, base64.b64decode(m["body"]), headers, m["now"])
    credit = postback and postback["additional_data"][0]
    print(json.dumps(postback and {
        "id": str(credit["stockpiling_id"]), "label": postback["label"], "order": credit["plugin_custom_order_id"] or "",
        "amount": credit["amount"], "direction": postback["direction"],
    }))
