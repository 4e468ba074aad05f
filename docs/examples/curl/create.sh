#!/bin/sh
# create.sh PAYER: prints the wallet that this payer should pay to. Needs API_URL and API_SECRET.
set -eu
curl -sS --max-time 20 "$API_URL/api/v1/transaction/create/phone_pe" \
  -H "Authorization: Bearer $API_SECRET" -H 'Content-Type: application/json' \
  -d "{\"currency\":\"INR\",\"label\":\"$1\"}"
