"""Tells genuine postbacks from forged ones. Python 3.11, standard library only. Copy it as it is."""
import base64
import hashlib
import hmac
import json
import re
from typing import NamedTuple

TOLERANCE = 300  # seconds that webhook-timestamp may be away from our clock
SIGNATURE = slice(len('{"signature":"'), len('{"signature":"') + 40)


class Keys(NamedTuple):
    """The keys of a merchant's postbacks."""
    legacy: bytes
    webhook: list[bytes]


def postback_keys(environ) -> Keys:
    """The keys in the environment. WEBHOOK_SECRET holds one, or while it is rotated several with a space between."""
    access, private = environ.get("ACCESS_KEY", ""), environ.get("POSTBACK_PRIVATE_KEY", "")
    secrets = environ.get("WEBHOOK_SECRET", "").split(" ")
    # Nothing may be checked against a key that is empty: everybody has that one.
    if not access or not private or not all(re.fullmatch("whsec_[A-Za-z0-9+/]{2,}={0,2}", secret) for secret in secrets):
        raise ValueError("ACCESS_KEY, POSTBACK_PRIVATE_KEY and WEBHOOK_SECRET (whsec_…) are needed")
    return Keys((access + private).encode(), [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets])


def verify_postback(keys: Keys, body: bytes, headers, now: float) -> dict | None:
    """Returns the members of a postback, or None when it isn't genuine. body are the bytes as they came."""
    # The headers: HMAC-SHA256 over id, time and the whole body. While a secret is rotated there are several of it and
    # several signatures: one that fits is enough.
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").encode().split(b" ")
    fits = False
    for key in keys.webhook:
        want = b"v1," + base64.b64encode(hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, "sha256"))
        for signature in given:
            fits = hmac.compare_digest(signature, want) or fits
    if not fits or not message_id or not re.fullmatch("[0-9]{1,12}", sent_at) or abs(now - int(sent_at)) > TOLERANCE:
        return None
    # The signature in the body, over the bytes of its last member. Decoders take the last of members with one name, so
    # what is checked here is what is read below.
    data = body.partition(b',"additional_data":')[2][:-1]
    want = hashlib.sha1(keys.legacy + hashlib.md5(data).hexdigest().encode()).hexdigest().encode()
    if not hmac.compare_digest(body[SIGNATURE], want):
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None
