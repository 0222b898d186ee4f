#!/usr/bin/env bash
# Plays deploy/compose without a daemon: each service in namespaces of its own, with the addresses, names, files, user
# and lack of powers that compose.yaml gives it; haproxy reads the file's own haproxy.cfg, the secrets are made by the
# commands at the top of compose.yaml, and panelgate.toml has the lines of docs/operations.md. The images' programs are
# this machine's.
#
#   compose.sh PROGRAM
#
# Needs root. Run by tests/config/deploy.rs.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "$1")

if [ "${2:-}" = "" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    unshare --mount --net --pid --ipc --uts --fork --kill-child "$0" "$program" "$work"
    exit
fi
work=$2 root=$2/root

# A service's own process, in its network: USER READ_ONLY FROM:TO… -- COMMAND…
if [ "${3:-}" = run ]; then
    user=$4 read_only=$5
    shift 5
    mount --bind "$root" "$root"
    [ "$read_only" = no ] || mount -o remount,bind,ro "$root"
    mount -t tmpfs none "$root/tmp"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    while [ "$1" != -- ]; do
        IFS=: read -r from to mode <<<"$1"
        mount --bind "$from" "$root$to"
        [ "$mode" != ro ] || mount -o remount,bind,ro "$root$to"
        shift
    done
    shift
    exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        chroot --userspec="$user:$user" "$root" "$@"
fi

fail() {
    echo "$*"
    tail -n 30 "$work"/*.log
    exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
. "$here/tests/deploy/trial.sh"
mount --make-rprivate /
mount -t proc proc /proc
file=$here/deploy/compose/compose.yaml
balancer=$(sed -n 's/.*ipv4_address: \([0-9.]*\).*/\1/p' "$file")
front=${balancer%.*}
grep -q "subnet: $front.0/24" "$file"

# This machine's files with a layer of its own, that has the places where things are mounted.
mkdir "$work/layer" "$root"
mount -t tmpfs none "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
mount -t overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" none "$root"
mkdir -p "$root/etc/panelgate" "$root/var/lib/panelgate" "$root/var/log/panelgate" "$root/usr/local/etc/haproxy" \
    "$root/var/lib/postgresql/data" "$root/tmp" "$root/dev" "$root/proc"
touch "$root/usr/local/etc/haproxy/haproxy.cfg"
rm -f "$root/etc/resolv.conf"
echo "nameserver 127.0.0.11" >"$root/etc/resolv.conf"
install -m 0755 "$program" "$root/usr/bin/panelgate"

# The files, as the top of compose.yaml has them made.
mkdir -p "$work/tree/deploy"
cp -r "$here/deploy/compose" "$work/tree/deploy/"
cp -r "$here/config" "$work/tree/"
compose=$work/tree/deploy/compose
mkdir -p "$compose/config/tls"
certificate "$compose/config/tls"
sed -n 's/^#   //p' "$file" | sed '/^cd deploy/d; /^docker compose/d; s/^sudo //' >"$work/commands"
[ "$(wc -l <"$work/commands")" = 7 ] || fail "the commands at the top of compose.yaml are others"
(cd "$compose" && bash -euo pipefail "$work/commands")
{
    main_file https://connect.example.com secrets/server-key
    printf '[tls]\ncertificates = [{ chain = "tls/fullchain.pem", key = "tls/privkey.pem" }]\n'
    sed -n '/^\*\*Compose\*\*/,/^\*\*Kubernetes\*\*/p' "$here/docs/operations.md" | sed -n '/^```toml/,/^```$/p' | grep -v '^```'
} >"$compose/config/panelgate.toml"
directory secrets/server-key >"$compose/config/directory.toml"
for one in state1 state2 audit1 audit2; do install -d -o 65532 -g 65532 "$work/$one"; done
install -d -o postgres -g postgres -m 0700 "$work/database"
# It has to be read by whoever stands in the containers.
chmod 0755 "$work" "$work/tree" "$work/tree/deploy" "$compose" "$compose/config"

# The networks, and on each service's loopback who knows the names.
declare -A net
within() { nsenter --target "${net[$1]}" --net -- "${@:2}"; }
for network in front back; do
    ip link add name "$network" type bridge
    ip link set "$network" up
done
ip link set lo up
attach() { # SERVICE NETWORK:ADDRESS…
    local service=$1 place network
    shift
    unshare --net sleep infinity &
    net[$service]=$!
    until [ "$(readlink "/proc/${net[$service]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do :; done
    within "$service" ip link set lo up
    for place in "$@"; do
        network=${place%%:*}
        ip link add name "$service-$network" type veth peer name "$network" netns "${net[$service]}"
        ip link set "$service-$network" master "$network" up
        within "$service" ip address add "${place#*:}/24" dev "$network"
        within "$service" ip link set "$network" up
    done
    within "$service" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
    within "$service" python3 "$here/tests/deploy/compose/names.py" \
        "gateway1=$front.2" "gateway2=$front.3" "database=172.31.0.4" >"$work/names-$service" 2>"$work/names-$service.log" &
    until_is ready cat "$work/names-$service"
}
attach gateway1 "front:$front.2" back:172.31.0.2
attach gateway2 "front:$front.3" back:172.31.0.3
attach database back:172.31.0.4
attach balancer "front:$balancer"

# In the place of the shell that calls it: SERVICE USER READ_ONLY FROM:TO… -- COMMAND…
run() {
    exec nsenter --target "${net[$1]}" --net -- unshare --mount "$0" "$program" "$work" run "${@:2}" 7>&-
}
postgres=$(printf "%s\n" /usr/lib/postgresql/*/bin | tail -n 1)
install -D -m 0644 "$compose/config/secrets/database-password" "$root/run/secrets/database-password"
database=("$(id -u postgres)" no "$work/database:/var/lib/postgresql/data")
# What the image does at its first start, as its environment says.
(run database "${database[@]}" -- "$postgres/initdb" -D /var/lib/postgresql/data -U panelgate \
    --auth-host=scram-sha-256 --auth-local=trust --pwfile=/run/secrets/database-password) >"$work/database.log" 2>&1
echo "host all all all scram-sha-256" >>"$work/database/pg_hba.conf"
run database "${database[@]}" -- "$postgres/postgres" -D /var/lib/postgresql/data -c "listen_addresses=*" \
    -c unix_socket_directories=/tmp >>"$work/database.log" 2>&1 &
healthy() { within database "$postgres/pg_isready" -q -h 127.0.0.1 -U panelgate && echo healthy; }
until_is healthy healthy
PGPASSWORD=$(cat "$compose/config/secrets/database-password") within database "$postgres/createdb" -h 127.0.0.1 -U panelgate panelgate

declare -A gateway
start() { # 1 or 2
    run "gateway$1" 65532 yes "$compose/config:/etc/panelgate:ro" "$work/state$1:/var/lib/panelgate" "$work/audit$1:/var/log/panelgate" \
        -- /usr/bin/panelgate serve --config /etc/panelgate/panelgate.toml >>"$work/gateway$1.log" 2>&1 &
    gateway[$1]=$!
    until_is ready ready "$1"
}
ip address add "$front.1/24" dev front
ready() { curl --silent "http://$front.$(($1 + 1)):9090/readyz" | head -n 1; }
start 1
start 2
run balancer 99 yes "$compose/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro" \
    -- /usr/sbin/haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg >"$work/balancer.log" 2>&1 &

# People, each from an address of their own, all the time.
people=()
for number in 101 102 103 104 105 106; do
    ip address add "$front.$number/24" dev front
    people+=("$front.$number-$balancer")
done
console() {
    curl --silent --output /dev/null --write-out '%{http_code}' --cacert "$compose/config/tls/fullchain.pem" \
        --resolve "connect.example.com:443:$1" https://connect.example.com/
}
until_is 401 console "$balancer"
# Nobody but the balancer is heard by a gateway.
until_is 000 console "$front.2"
mkfifo "$work/go"
python3 "$here/tests/deploy/load.py" "$compose/config/tls/fullchain.pem" "$work/answers" "${people[@]}" <"$work/go" >"$work/load.log" 2>&1 &
load=$!
exec 7>"$work/go"
visits() { grep -c "client=.*$front\.10[1-6]\b" "$work/gateway$1.log" || true; }
# People have been at a gateway since now, under their own addresses.
is_used() {
    local before
    before=$(visits "$1")
    for _ in $(seq 1200); do
        [ "$(visits "$1")" -gt "$before" ] && return
        sleep 0.05
    done
    fail "nobody comes to gateway$1"
}
for number in 1 2; do
    is_used 1
    is_used 2
    kill -TERM "${gateway[$number]}"
    wait "${gateway[$number]}" || fail "gateway$number ended with $?"
    is_used $((3 - number))
    start "$number"
done
is_used 1
is_used 2
exec 7>&-
wait "$load" || fail "$(cat "$work/load.log")"
echo "two gateways, a database and a balancer, each restarted gateway missed by nobody: $(head -n 1 "$work/load.log")"
