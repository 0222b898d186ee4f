# Two hosts in networks of their own: a server (here, 192.0.2.100) and, in a network of its own, somebody
# who comes from other addresses. For scripts that run in namespaces of their own; `there` runs a command on the far
# side, and what is in `children` ends with the script.
children=()
trap 'kill "${children[@]}" 2>/dev/null || true' EXIT
unshare --net sleep 120 & far=$!; children+=("$far")
# Until the other side has a network of its own.
until [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do :; done
there() { nsenter --target "$far" --net "$@"; }
ip link set lo up
ip link add near type veth peer name far netns "$far"
ip addr add 192.0.2.100/24 dev near
ip link set near up
there ip addr add 192.0.2.10/24 dev far   # a gateway, as the recipe has it
there ip addr add 192.0.2.99/24 dev far   # a stranger
there ip link set far up
there ip link set lo up
