#!/usr/bin/env bash
# Builds deploy/docker/Dockerfile with buildah, without a daemon, and runs what comes out of it: as nobody in
# particular, on a root file system that is only read, without any power of root's.
#
#   image.sh PROGRAM
#
# The two base images come from registries, which a test does not ask. In their places stand one with a shell, and one
# with the libraries that distroless/cc has; and scripts/release gives PROGRAM instead of compiling for half an hour.
# Every instruction of the file is carried out as it stands. Needs root.
set -euo pipefail
program=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
. "$here/tests/deploy/trial.sh"
trap 'rm -rf "$work"' EXIT
b() { buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }
with_libraries() { # PROGRAM ROOT
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do install -D "$(readlink -f "$library")" "$2$library"; done
}
image() { # NAME ROOT
    local container
    container=$(b from scratch)
    b add --quiet "$container" "$2" / >/dev/null
    b config --env PATH=/bin "$container"
    b commit --quiet "$container" "localhost/$1" >/dev/null
}

mkdir -p "$work/build/bin" "$work/build/tmp" "$work/context"
cp /bin/busybox /usr/bin/install "$work/build/bin/"
for tool in sh mkdir cp; do ln -s busybox "$work/build/bin/$tool"; done
with_libraries /usr/bin/install "$work/build"
strip -o "$work/build/program" "$program"
image build "$work/build"
mkdir -p "$work/base/etc/panelgate" "$work/base/tmp"
with_libraries "$program" "$work/base"
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
image base "$work/base"

mkdir "$work/context/scripts"
cat >"$work/context/scripts/release" <<'RELEASE'
#!/bin/sh
[ $# = 0 ] || exit 1
mkdir -p target/released && cp /program target/released/panelgate
RELEASE
chmod +x "$work/context/scripts/release"
b bud --quiet --isolation chroot --build-arg BUILD_IMAGE=localhost/build --build-arg RUN_IMAGE=localhost/base \
    --tag panelgate --file "$here/deploy/docker/Dockerfile" "$work/context" >/dev/null
told=$(b inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.StopSignal}}' panelgate)
[ "$told" = "65532:65532 [/usr/bin/panelgate] [serve --config /etc/panelgate/panelgate.toml] SIGTERM" ] || { echo "the image says: $told"; exit 1; }
root=$(b mount "$(b from panelgate)")
[ "$(stat -c %u:%g:%a "$root/usr/bin/panelgate")" = 0:0:755 ] || { echo "the program can be changed by who runs it"; exit 1; }

config=$work/config
mkdir -p "$config"
echo 0123456789-0123456789-0123456789-abcd >"$config/secret"
{
    main_file http://connect.localhost:8080 secret
    printf '[listen]\naddresses = ["127.0.0.1"]\nconsole_port = 8080\n[operations]\naddress = "127.0.0.1:9090"\n'
} >"$config/panelgate.toml"
directory secret >"$config/directory.toml"
chown -R 65532:65532 "$config" && chmod 0600 "$config/secret"

# What `docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v …` does, with a network of its own.
root=$root config=$config unshare --mount --net --pid --fork --kill-child bash -euo pipefail <<'RUN'
ip link set lo up
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
mount --bind -o ro "$config" "$root/etc/panelgate"
mount -t proc proc /proc
for folder in /var/lib/panelgate /var/log/panelgate; do mount -t tmpfs -o uid=65532,gid=65532,mode=0700 none "$root$folder"; done
! touch "$root/usr/bin/panelgate" 2>/dev/null || { echo "the root file system takes writes"; exit 1; }
setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
    chroot --userspec=65532:65532 "$root" /usr/bin/panelgate serve --config /etc/panelgate/panelgate.toml 2>"$root/var/log/panelgate/out" &
pid=$!
for _ in $(seq 600); do
    ready=$(curl --silent http://127.0.0.1:9090/readyz || true)
    [ "${ready%%$'\n'*}" = ready ] && break
    kill -0 "$pid" 2>/dev/null || { cat "$root/var/log/panelgate/out"; exit 1; }
    sleep 0.05
done
[ "${ready%%$'\n'*}" = ready ] || { echo "never ready: $ready"; exit 1; }
status=$(cat "/proc/$pid/status")
for line in $'Uid:\t65532\t65532' $'Gid:\t65532\t65532' $'CapEff:\t0000000000000000' $'NoNewPrivs:\t1'; do
    grep -q "^$line" <<<"$status" || { echo "$line is not so: $status"; exit 1; }
done
signed_out=$(curl --silent --output /dev/null --write-out '%{http_code}' --header 'Host: connect.localhost:8080' http://127.0.0.1:8080/)
[ "$signed_out" = 401 ] || { echo "the console answers $signed_out"; exit 1; }
test -s "$root/var/log/panelgate/audit.jsonl" && test -s "$root/var/lib/panelgate/panelgate.db"
kill -TERM "$pid"
wait "$pid" || { echo "it did not end well: $?"; exit 1; }
RUN
echo "the image runs as nobody in particular, changes nothing but its state and its log, and ends when told"
