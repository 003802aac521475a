#!/bin/sh
# Makes the image `pointsman-base` from Debian's packages alone, where no registry of images can be reached:
# this machine's own release of Debian (the binary was built against its libc), with nginx and dig for the practice parts.
# Does nothing when the image is there. Needs root, docker and debootstrap.
set -eu

release=$(. /etc/os-release && printf %s "${VERSION_CODENAME:?not a Debian release}")
packages=ca-certificates,nginx-light,bind9-dnsutils
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
image=pointsman-base:$release

if docker image inspect "$image" >/dev/null 2>&1; then
    echo "$image is there"
    exit 0
fi
command -v debootstrap >/dev/null || {
    echo "debootstrap is missing: apt-get install debootstrap" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# Log in the folder, shown only when it fails: it is long.
if ! debootstrap --variant=minbase --include="$packages" "$release" "$work/root" "$mirror" >"$work/log" 2>&1; then
    tail -n 30 "$work/log" >&2
    exit 1
fi
rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/var/log/* \
    "$work"/root/usr/share/doc/* "$work"/root/usr/share/man/* "$work"/root/usr/share/locale/*
tar --create --numeric-owner --one-file-system --directory "$work/root" . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'CMD ["/bin/sh"]' --message "Debian $release: $packages" - "$image" >/dev/null
echo "$image made"
