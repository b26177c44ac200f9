#!/bin/sh
# Draws on the page in a real browser: tests/browser/*.test.js against the server in $BUILD.
# An argument is run in place of the tests, such as bench/page_latency.js.
# Needs node, npm and Chromium (CHROMIUM names another than the one found); skips without.
. "$(dirname "$0")/../support/shell.sh"

modules=$top/build/browser

command -v node >/dev/null || skip "no node on this machine (apt-get install nodejs npm chromium)"
command -v npm >/dev/null || skip "no npm on this machine (apt-get install nodejs npm chromium)"
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
[ -n "$CHROMIUM" ] || skip "no chromium on this machine (apt-get install chromium)"

: "${BUILD:=build}"
[ -n "${EIGENTENSOR_URL:-}" ] || make -s BUILD="$BUILD" "$BUILD/eigentensor-server" || exit 1

mkdir -p "$modules"
if ! cmp -s tests/browser/package-lock.json "$modules/installed"; then
    cp tests/browser/package.json tests/browser/package-lock.json "$modules/"
    (cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        skip "npm cannot get playwright-core"
    cp tests/browser/package-lock.json "$modules/installed"
fi

CHROMIUM=$CHROMIUM MODULES=$modules SERVER=$build/eigentensor-server \
    node "${@:-tests/browser/run.js}"
