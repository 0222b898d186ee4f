# What the trials of deploy/ share: the files of a company with one server, and waiting for a condition. To be
# sourced, beside a function `fail` that says what went wrong and ends.

# A certificate for the console and the panels: FOLDER
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=trial \
        -addext "subjectAltName=DNS:connect.example.com,DNS:*.connect.example.com" \
        -keyout "$1/privkey.pem" -out "$1/fullchain.pem" 2>/dev/null
}

# The main file without its `[tls]`, `[listen]` and `[operations]`: ORIGIN SECRET
main_file() {
    cat <<TOML
directory = "directory.toml"
[console]
origin = "$1"
[[providers]]
id = "sso"
name = "Example SSO"
issuer = "http://idp.localhost:9400"
client_id = "panelgate"
client_secret = "file:$2"
[state]
directory = "/var/lib/panelgate"
[audit]
file = "/var/log/panelgate/audit.jsonl"
TOML
}

# SECRET
directory() {
    cat <<TOML
[[servers]]
id = "web1"
name = "Web 1"
host = "web1.example.com"
trust = "public"
api_account = "root"
api_token = "file:$1"
access = "restricted"
TOML
}

# Waits until a command says what is wanted: WANTED COMMAND…
until_is() {
    local wanted=$1 found=
    shift
    for _ in $(seq 1200); do
        found=$("$@" 2>/dev/null || true)
        [ "$found" = "$wanted" ] && return
        sleep 0.05
    done
    fail "'$*' says '$found', never '$wanted'"
}
