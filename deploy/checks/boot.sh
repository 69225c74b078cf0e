#!/bin/sh
# Boots systemd on a copy of this machine's file system that is thrown away; called inside namespaces of its own.
# $1: an empty folder; $2: a folder whose `etc` and `opt` are laid over the copy.
set -e
mount --make-rprivate /
mount -t tmpfs scratch "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cp -a "$2/." "$1/root/"
chmod 0755 "$1/root" "$1/root/etc" "$1/root/opt"
cd "$1/root"
mount -t proc proc proc
mount --rbind /sys sys
umount -l sys/fs/cgroup
mount -t cgroup2 cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs run run
mkdir -p .before
pivot_root . .before
umount -l /.before
ip link set lo up
container=other exec /lib/systemd/systemd --system --log-target=journal --show-status=no --unit=basic.target
