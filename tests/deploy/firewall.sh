#!/usr/bin/env bash
# Plays the firewall recipe with real packets, in network namespaces of its own: a gateway reaches the panels, a
# stranger does not, and everything else of the server stays as it was. Run by tests/config/deploy.rs.
set -euo pipefail
recipe=$(realpath "$1")
[ "${2:-}" = inside ] || exec unshare --map-root-user --net --mount "$0" "$recipe" inside

. "$(dirname "$0")/two_hosts.sh"

# Something that answers on each port, as the panels and the web sites of the server do.
coproc SERVER { exec python3 -c '
import selectors, socket
ready = selectors.DefaultSelector()
for port in (80, 2082, 2083, 2086, 2087, 2095, 2096):
    ready.register(socket.create_server(("192.0.2.100", port)), selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in ready.select():
        key.fileobj.accept()[0].close()
'; }
children+=("$SERVER_PID")
read -r _ <&"${SERVER[0]}"

# Which ports an address reaches.
reaches() {
    there python3 -c '
import socket, sys
def connects(port):
    try:
        socket.create_connection(("192.0.2.100", port), timeout=5, source_address=(sys.argv[1], 0)).close()
        return True
    except ConnectionError:
        return False
print(*(port for port in (80, 2082, 2083, 2086, 2087, 2095, 2096) if connects(port)))
' "$1"
}
expect() { # FROM PORTS
    found=$(reaches "$1")
    [ "$found" = "$2" ] || { echo "$1 reaches '$found', not '$2'"; exit 1; }
}

everything="80 2082 2083 2086 2087 2095 2096"
expect 192.0.2.99 "$everything"
nft -f "$recipe"
nft -f "$recipe"   # a second time it takes its own place
expect 192.0.2.10 "$everything"
expect 192.0.2.99 "80"
[ "$(nft list tables | wc -l)" = 1 ]
echo "the gateway reaches the panels, a stranger does not"
