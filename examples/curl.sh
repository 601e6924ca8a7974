#!/bin/sh
# Posts the body on standard input to a reward service's HTTP door; prints its answer. Fails with curl's code 22 when it
# is refused.
#
#     echo '{"query": ["you fool", "thank you"]}' | ./curl.sh http://127.0.0.1:5000/get_reward
set -eu
exec curl --silent --show-error --fail-with-body --max-time 60 --data-binary @- \
  --header "content-type: application/json" ${DECORUM_TOKEN:+--header "authorization: Bearer $DECORUM_TOKEN"} "$1"
