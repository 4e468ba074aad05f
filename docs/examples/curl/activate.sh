#!/bin/sh
# activate.sh PAYER ORDER NUMBER AMOUNT: reports the transaction number that the payer typed. Sent again with the same
# ids, it answers the present state. Needs API_URL and API_SECRET.
set -eu
curl -sS --max-time 20 "$API_URL/api/v1/transaction/activate" \
  -H "Authorization: Bearer $API_SECRET" -H 'Content-Type: application/json' \
  -d "{\"currency_code\":\"INR\",\"wallet_type\":\"phone_pe\",\"label\":\"$1\",\"key1\":\"$3\",\"amount\":$4,\"custom_transaction_id\":\"$2\"}"
