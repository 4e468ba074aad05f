#!/bin/sh
# postback.sh < BODY: checks the signature inside a postback's body, for a look at one that was captured. Ends with 0
# when it is genuine. Needs ACCESS_KEY and POSTBACK_PRIVATE_KEY.
# It covers additional_data only; a receiver must check the webhook-signature header too, as the other examples do.
set -eu
body=$(cat)
data=${body#*\"additional_data\":} # up to the end of the body: additional_data is its last member
data=${data%\}}
given=${body#*\"signature\":\"}
given=${given%%\"*}
digest=$(printf '%s' "$data" | md5sum | cut -d ' ' -f 1)
want=$(printf '%s' "$ACCESS_KEY$POSTBACK_PRIVATE_KEY$digest" | sha1sum | cut -d ' ' -f 1)
if [ "$given" = "$want" ]; then
  echo genuine
else
  echo 'not genuine' >&2
  exit 1
fi
