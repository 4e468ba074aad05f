#!/bin/sh
# withdraw.sh ID PAYEE AMOUNT ACCOUNT NAME IFSC: asks for a payment to a bank account. ID is your id of it, stored before you
# ask: sent again with the same ID it is a retry and never a second payment. Needs API_URL, MERCHANT and WITHDRAWAL_KEY.
# Only when it ends with 0 the answer decides. Otherwise nobody knows yet: keep the money set aside, and send the same again.
set -eu
# The values in the order of their names, without the names: account_name, account_number, amount, bank_details,
# currency_code, is_test (false is empty), label, payment_system, withdrawal_id.
signed="$5:$4:$3:$6:INR::$2:imps_ib:$1"
digest=$(printf '%s' "$signed" | md5sum | cut -d ' ' -f 1)
signature=$(printf '%s' "$WITHDRAWAL_KEY$digest" | sha1sum | cut -d ' ' -f 1)
curl -sS --fail-with-body --max-time 20 "$API_URL/v2/withdrawal/create?merchant=$MERCHANT" -H 'Content-Type: application/json' \
  -d "{\"withdrawal_id\":\"$1\",\"payment_system\":\"imps_ib\",\"amount\":$3,\"currency_code\":\"INR\",\"is_test\":false,\"label\":\"$2\",\"account_number\":\"$4\",\"account_name\":\"$5\",\"bank_details\":{\"branch_code\":\"$6\"},\"signature\":\"$signature\"}"
