#!/bin/sh
# events.sh [CURSOR]: prints the events behind a cursor, without one from the first. Needs API_URL and API_SECRET.
# Keep the cursor of the last event that you booked, and ask again from there, at once while the answer has "more":true.
set -eu
curl -sS --max-time 20 --get "$API_URL/v3/events" -H "Authorization: Bearer $API_SECRET" \
  --data-urlencode "after=${1-}" --data-urlencode limit=100
