#!/bin/busybox sh
# The guest's first process: the host's root with memory over it, the module, then the command, then the end.
# Run by busybox from the initramfs that scripts/kernel-boot.sh makes.
# shellcheck shell=dash
busybox=/bin/busybox
fail() {
    echo "GUEST FAILED  $*"
    $busybox poweroff -f
}
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
$busybox mount -t devtmpfs dev /dev
# Which needs which differs from kernel to kernel: what fails is tried again after the others.
left=$($busybox cat /lib/order)
for pass in 1 2 3 4 5; do
    later=
    for driver in $left; do $busybox insmod "/lib/$driver" 2>/dev/null || later="$later $driver"; done
    left=$later
    [ -n "$left" ] || break
done
[ -z "$left" ] || fail "boot: can't be loaded after $pass passes: $left"
nine=trans=virtio,version=9p2000.L,msize=524288
# The host may change a file meanwhile, but nobody here needs to see that.
$busybox mount -t 9p -o "$nine,ro,cache=loose" root /lower || fail "boot: the host's root can't be mounted"
$busybox mount -t tmpfs memory /memory
$busybox mkdir /memory/upper /memory/work
$busybox mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work new /new || fail "boot: no overlay"
for kind in proc:proc sysfs:sys devtmpfs:dev tmpfs:run; do
    $busybox mount -t "${kind%%:*}" "${kind%%:*}" "/new/${kind##*:}" || fail "boot: ${kind##*:} can't be mounted"
done
$busybox mkdir -p /new/dev/shm /new/dev/pts
$busybox mount -t tmpfs shm /new/dev/shm
$busybox mount -t devpts pts /new/dev/pts
$busybox mount -t debugfs debug /new/sys/kernel/debug || fail "boot: no debugfs"
$busybox cp /lib/dsmil-sim.ko /new/run/dsmil-sim.ko
out=$($busybox cat /out)
$busybox mkdir -p "/new$out"
$busybox mount -t 9p -o "$nine" results "/new$out" || fail "boot: the folder for results can't be mounted"
$busybox ifconfig lo 127.0.0.1 up 2>/dev/null
command=$($busybox cat /command)
HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    $busybox chroot /new /bin/bash -c "cd '$($busybox cat /folder)' && $command" </dev/null
$busybox dmesg >"/new$out/dmesg.log"
: >"/new$out/ended"
$busybox sync
$busybox poweroff -f
