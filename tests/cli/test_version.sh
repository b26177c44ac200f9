#!/bin/sh
# One version for everything: what the public header says is what everything else says.
. "$(dirname "$0")/../support/shell.sh"

version=$(sed -n 's/^#define ET_VERSION "\(.*\)"$/\1/p' runtime/eigentensor.h)
[ -n "$version" ] || wrong "no ET_VERSION in runtime/eigentensor.h"
tool=$("$build/eigentensor" --version)
[ "$tool" = "eigentensor $version" ] || wrong "eigentensor --version: $tool"
server=$("$build/eigentensor-server" --version)
[ "$server" = "eigentensor-server $version" ] || wrong "eigentensor-server --version: $server"
says server/openapi.json "\"version\": \"$version\""
says capture/eigentensor/version.py "VERSION = \"$version\""
