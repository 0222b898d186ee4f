#!/usr/bin/env bash
# What is looked at on the machine of ../systemd.sh: the unit starts the gateway with the powers that it says and no
# others, reads its configuration again, and starts anew on sockets that systemd holds without refusing anybody.
set -euo pipefail
cd /trial
fail() {
    echo "$*"
    systemctl status --no-pager --full panelgate.service panelgate.socket || true
    tail -n 50 /trial/log || true
    exit 1
}
. /trial/trial.sh
main_pid() { systemctl show --property MainPID --value panelgate; }
restarts() { systemctl show --property NRestarts --value panelgate; }
ready() { curl --silent http://127.0.0.1:9090/readyz | head -n 1; }

ip link set lo up

# The gateway's files, as docs/operations.md has them.
install -d -m 0750 -g panelgate /etc/panelgate /etc/panelgate/secrets /etc/panelgate/tls
certificate /etc/panelgate/tls
head -c 32 /dev/urandom | base64 >/etc/panelgate/secrets/some
{
    main_file https://connect.example.com secrets/some
    printf '[tls]\ncertificates = [{ chain = "tls/fullchain.pem", key = "tls/privkey.pem" }]\n'
    printf '[operations]\naddress = "127.0.0.1:9090"\n'
} >/etc/panelgate/panelgate.toml
directory secrets/some >/etc/panelgate/directory.toml
chgrp -R panelgate /etc/panelgate
chmod 0640 /etc/panelgate/secrets/some /etc/panelgate/tls/privkey.pem
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
# What it says, where it can be read here.
mkdir -p /run/systemd/system/panelgate.service.d
printf '[Service]\nStandardError=append:/trial/log\nStandardOutput=append:/trial/log\n' >/run/systemd/system/panelgate.service.d/log.conf

systemctl daemon-reload
systemctl enable --quiet --now panelgate.socket panelgate
until_is ready ready

# Nothing of the hardening is left out because this machine cannot do it, and nothing of it is in the way.
pid=$(main_pid)
status=$(cat "/proc/$pid/status")
own=$(id -u panelgate)
for line in $'Uid:\t'"$own"$'\t'"$own" $'CapEff:\t0000000000000400' $'CapBnd:\t0000000000000400' $'NoNewPrivs:\t1' $'Seccomp:\t2'; do
    grep -q "^$line" <<<"$status" || fail "$line is not so: $status"
done
within() { nsenter --target "$pid" --mount -- "$@"; }
for place in /usr/bin /etc/panelgate /var /root /proc/sys/kernel/hostname; do
    if within sh -c "touch $place/panelgate-trial 2>/dev/null || { [ -f $place ] && echo >$place; } 2>/dev/null"; then fail "$place takes writes"; fi
done
within sh -c 'touch /var/lib/panelgate/trial /var/log/panelgate/trial && rm /var/lib/panelgate/trial /var/log/panelgate/trial' || fail "its own folders take no writes"
[ "$(stat -c %U:%a /var/lib/panelgate)" = panelgate:700 ] && [ "$(stat -c %U:%a /var/log/panelgate)" = panelgate:750 ] || fail "its folders are not its own"
test -s /var/log/panelgate/audit.jsonl && test -s /var/lib/panelgate/panelgate.db

# Somebody comes all the time, over IPv4 and IPv6, while it reads again and starts anew.
mkfifo go
python3 load.py /etc/panelgate/tls/fullchain.pem /trial/answers 127.0.0.1-127.0.0.1 ::1-::1 <go >load.said 2>&1 &
load=$!
exec 7>go
goes_on() {
    local before
    before=$(cat answers 2>/dev/null || echo 0)
    for _ in $(seq 1200); do
        [ "$(cat answers 2>/dev/null || echo 0)" -gt "$((before + 40))" ] && return
        sleep 0.05
    done
    fail "no more answers: $(cat load.said)"
}
goes_on
at_web2() {
    curl --silent --output /dev/null --write-out '%{http_code}' --cacert /etc/panelgate/tls/fullchain.pem \
        --resolve web2.connect.example.com:2087:127.0.0.1 https://web2.connect.example.com:2087/
}
until_is 421 at_web2
sed 's/web1/web2/; s/Web 1/Web 2/' /etc/panelgate/directory.toml >more && cat more >>/etc/panelgate/directory.toml
systemctl reload panelgate
until_is 401 at_web2
[ "$(main_pid)" = "$pid" ] || fail "a reload started another process"
for _ in 1 2; do
    goes_on
    systemctl restart panelgate
    [ "$(main_pid)" != "$pid" ] || fail "the same process"
    pid=$(main_pid)
    goes_on
done
exec 7>&-
wait "$load" || fail "$(cat load.said)"
said=$(head -n 1 load.said)
# Killed, it comes back by itself.
systemctl reset-failed panelgate
kill -KILL "$pid"
until_is active systemctl is-active panelgate
until_is ready ready
[ "$(main_pid)" != "$pid" ] || fail "the same process"
[ "$(restarts)" = 1 ] || fail "it did not come back by itself"

# A configuration with problems is not started, and not tried again and again.
systemctl stop panelgate.socket panelgate
[ "$(systemctl show --property Result --value panelgate)" = success ] || fail "it did not end well"
systemctl reset-failed panelgate
cp /etc/panelgate/panelgate.toml good.toml
echo 'nonsense = 1' >>/etc/panelgate/panelgate.toml
if systemctl start panelgate; then fail "it started with nonsense"; fi
until_is failed systemctl is-failed panelgate
[ "$(restarts)" = 0 ] || fail "it was tried again"
grep -q nonsense /trial/log || fail "nobody says why"
cat good.toml >/etc/panelgate/panelgate.toml
systemctl start panelgate.socket panelgate
until_is ready ready
systemctl stop panelgate.socket panelgate
echo "the unit starts the gateway with one power of root's, and it starts anew with nobody refused: $said"
