#!/usr/bin/env bash
# Proves that a clone of the project works on a machine that has nothing: makes a bare Debian 12 by debootstrap in a
# temporary directory, clones the last commit into it, and runs a command there, in the project's folder.
#
#   tests/bare_debian.sh [COMMAND ARGUMENT...]      default: tests/run.sh
#
# Needs root and debootstrap. DEBIAN_MIRROR: where packages come from; default: what this machine's apt uses.
set -euo pipefail
cd "$(dirname "$0")/.."

command=("${@:-tests/run.sh}")
[[ $(id -u) -eq 0 ]] || { echo "tests/bare_debian.sh: be root, chroot and debootstrap need it" >&2; exit 2; }
command -v debootstrap > /dev/null || { echo "tests/bare_debian.sh: apt-get install debootstrap" >&2; exit 2; }

# shellcheck disable=SC2016  # $(REPO_URI) is apt's to expand
apt_mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm'; }
mirror=${DEBIAN_MIRROR:-$(apt_mirror | head -n 1)}
[[ -n $mirror ]] || { echo "tests/bare_debian.sh: apt knows no mirror of Debian 12: set DEBIAN_MIRROR" >&2; exit 2; }

root=$(mktemp -d)
chmod 755 "$root"  # for the user that apt downloads as
clean_up() {
  for mounted in dev/shm dev/pts sys proc; do
    mountpoint --quiet "$root/$mounted" && umount --lazy "$root/$mounted"
  done
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT

echo "== a bare Debian 12 from $mirror in $root"
debootstrap --variant=minbase bookworm "$root" "$mirror"
cp /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump | grep -E '^Acquire::(http|https)::Proxy ' > "$root/etc/apt/apt.conf.d/99proxy" || true
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
git clone --quiet --no-hardlinks . "$root/root/lrc"

echo "== ${command[*]}"
env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  chroot "$root" sh -c 'cd /root/lrc && exec "$@"' sh "${command[@]}"
