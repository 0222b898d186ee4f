#!/usr/bin/env bash
# Looks with `panelgate shield check --outside` at a server behind the firewall recipe, with real packets in network
# namespaces of its own: as a stranger, and as a gateway. Run by tests/config/deploy.rs.
set -euo pipefail
recipe=$(realpath "$1") program=$(realpath "$2")
[ "${3:-}" = inside ] || exec unshare --map-root-user --net --mount "$0" "$recipe" "$program" inside

. "$(dirname "$0")/two_hosts.sh"
folder=$(mktemp -d)
trap 'kill "${children[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT

# In clear text the panels and the web sites speak HTTP; on the other ports something answers that is no panel.
coproc SERVER { exec python3 -c '
import selectors, socket
ready = selectors.DefaultSelector()
for port in (80, 2082, 2083, 2086, 2087, 2095, 2096):
    ready.register(socket.create_server(("192.0.2.100", port)), selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in ready.select():
        connection = key.fileobj.accept()[0]
        connection.sendall(b"HTTP/1.0 301 Moved\r\n\r\n")
        connection.close()
'; }
children+=("$SERVER_PID")
read -r _ <&"${SERVER[0]}"

cat > "$folder/directory.toml" <<'END'
[[servers]]
id = "web1"
host = "192.0.2.100"
trust = { pins = ["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] }
api_account = "root"
api_token = "vault:web1"
access = "restricted"
END
expect() { # FROM CODE WORDS
    there ip route replace 192.0.2.0/24 dev far src "$1"
    set +e
    found=$(there "$program" shield check --outside --timeout 2 --format csv --config "$folder/directory.toml" 2>"$folder/err")
    code=$?
    set -e
    [ "$code" = "$2" ] && [ "$(tail -n 1 <<<"$found")" = "$3" ] && grep -q " from $1," "$folder/err" ||
        { echo "from $1: exit $code, $found"; cat "$folder/err"; exit 1; }
}

open='web1,open,192.0.2.100,"2082 2086 2095 OPEN, 2083 2087 2096 ANSWERS, NOT PROVEN TO BE THE SERVER"'
expect 192.0.2.99 1 "$open"
nft -f "$recipe"
expect 192.0.2.99 0 'web1,closed,192.0.2.100,2082 2083 2086 2087 2095 2096 refused'
expect 192.0.2.10 1 "$open"
# A firewall that says nothing: the web site shows that the machine is there.
nft -f <(sed 's/reject with tcp reset/drop/' "$recipe")
expect 192.0.2.99 0 'web1,closed,192.0.2.100,2082 2083 2086 2087 2095 2096 silent'
# And a machine that says nothing at all proves nothing.
kill "$SERVER_PID"; wait "$SERVER_PID" 2>/dev/null || true
nft -f <(sed 's/reject with tcp reset/drop/; s/elements = { 2082/elements = { 80, 443, 2082/' "$recipe")
expect 192.0.2.99 1 'web1,unknown,192.0.2.100,"2082 2083 2086 2087 2095 2096 silent, its web server does not answer either"'
echo "open without the recipe, closed to strangers with it, open to gateways"
