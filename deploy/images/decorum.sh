#!/bin/sh
# The decorum command inside the image: everything it needs is there already, and nothing is fetched or written.
exec deno run --quiet --cached-only --frozen -A /app/cli/main.ts "$@"
