#!/bin/sh
# Sends decorum.reward.v1.ScoreStreamRequests, as JSON on standard input, in one stream; prints the answers as JSON.
# buf finds the types by reflection: https://buf.build/docs/reference/cli/buf/curl
#
#     echo '{"request": {"items": [{"response": "you fool"}]}}' | ./buf_curl.sh 127.0.0.1:50052
set -eu
exec "${BUF:-buf}" curl --protocol grpc --http2-prior-knowledge --data @- \
  ${DECORUM_TOKEN:+--header "authorization: Bearer $DECORUM_TOKEN"} \
  "http://$1/decorum.reward.v1.RewardService/ScoreStream"
