#!/usr/bin/env bash
# Starts deploy/systemd under a real systemd: process 1 of a machine made of namespaces, with this machine's files
# under a layer of its own that is thrown away. What is looked at there stands in systemd/steps.sh.
#
#   systemd.sh PROGRAM
#
# Needs root. Run by tests/config/deploy.rs.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "$1")

# Groups of processes that the machine's systemd may make: below one of its own, which goes with it.
if [ "${2:-}" = "" ]; then
    work=$(mktemp -d)
    groups=$(findmnt --noheadings --first-only --output TARGET --types cgroup2)/panelgate-trial-$$
    mkdir "$groups"
    tidy() {
        find "$groups" -depth -type d -exec rmdir {} \;
        rm -rf "$work"
    }
    trap tidy EXIT
    code=0
    (
        echo "$BASHPID" >"$groups/cgroup.procs"
        exec unshare --cgroup --mount --pid --net --ipc --uts --fork --kill-child "$0" "$program" "$work"
    ) >"$work/said" 2>&1 </dev/null || code=$?
    if [ "$code" != 0 ]; then
        echo "the machine ended with $code"
        cat "$work/said" "$work/trial/said"
        exit 1
    fi
    tail -n 1 "$work/trial/said"
    exit
fi

# From here on in the machine's namespaces, as what becomes its process 1.
work=$2 root=$2/root
mount --make-rprivate /
mkdir "$work/layer" "$root"
mount -t tmpfs none "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
mount -t overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" none "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro none "$root/sys"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 none "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
touch "$root/dev/console"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 none "$root/dev/pts"
for name in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -s "/proc/self/${name#*:}" "$root/dev/${name%%:*}"; done
ln -s pts/ptmx "$root/dev/ptmx"
for folder in run tmp; do mount -t tmpfs -o mode=1777 none "$root/$folder"; done
chmod 0755 "$root/run"
# None of this machine's own services.
mount -t tmpfs -o mode=0755 none "$root/etc/systemd/system"

# As the comments of the files say it.
install -m 0755 "$program" "$root/usr/bin/panelgate"
install -m 0644 "$here/deploy/systemd/panelgate.sysusers" "$root/usr/lib/sysusers.d/panelgate.conf"
chroot "$root" systemd-sysusers panelgate.conf
install -m 0644 "$here/deploy/systemd/panelgate.service" "$here/deploy/systemd/panelgate.socket" "$root/etc/systemd/system/"

mkdir "$root/trial" "$root/old" "$work/trial"
install "$here/tests/deploy/systemd/steps.sh" "$here/tests/deploy/trial.sh" "$here/tests/deploy/load.py" "$work/trial/"
mount --bind "$work/trial" "$root/trial"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/trial/steps.sh >/trial/said 2>&1; systemctl exit $$?'
TimeoutStartSec=300
UNIT
cd "$root"
pivot_root . old
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/bash -c \
    'umount -l /old; exec /lib/systemd/systemd --system --unit=trial.service --log-target=null --show-status=no'
