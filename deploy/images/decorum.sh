#!/bin/sh
# The decorum command inside the image: everything it needs is there already, and nothing is fetched or written.
# A service gets the permissions that its settings need, and no others.
set -f
if [ "$1" = serve ] && [ $# -gt 1 ]; then
  service=$2
  shift 2
  flags=$(deno run --quiet --cached-only --frozen -A /app/cli/main.ts permissions "$service" "$@") || exit $?
  IFS='
'
  # shellcheck disable=SC2086 -- one flag a line
  exec deno run --quiet --cached-only --frozen $flags "/app/services/$service/main.ts" "$@"
fi
exec deno run --quiet --cached-only --frozen -A /app/cli/main.ts "$@"
