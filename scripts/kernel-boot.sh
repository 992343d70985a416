#!/usr/bin/env bash
# Boots a kernel in QEMU, by emulation, with this machine's root below it (read-only; what is written there goes to memory),
# loads the module and runs a script inside.
#
#   kernel-boot.sh TREE MODULE OUT SECONDS SCRIPT [ARG...]
#
# OUT is a folder that is there, and that the guest can write to, under the same path. Ends with 0 when the script came to its end, whatever it
# found; with 1 when the guest panicked, hung, or said nothing, in two attempts.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -ge 5 ] || die "usage: scripts/kernel-boot.sh TREE MODULE OUT SECONDS SCRIPT [ARG...]"
tree=$1 module=$2 out=$3 seconds=$4
shift 4

for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio; do
    command -v "${tool%%:*}" >/dev/null || die "${tool%%:*} is missing: apt-get install qemu-system-x86 busybox-static cpio"
done

drivers=(drivers/virtio/virtio drivers/virtio/virtio_ring drivers/virtio/virtio_pci_legacy_dev
    drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci net/9p/9pnet net/9p/9pnet_virtio fs/netfs/netfs
    fs/fscache/fscache fs/9p/9p fs/overlayfs/overlay)

make_initramfs() {
    local folder=$1 driver
    shift
    mkdir -p "$folder"/{bin,lib,proc,sys,dev,lower,memory,new}
    cp "$(command -v busybox)" "$folder/bin/busybox"
    for driver in "${drivers[@]}"; do
        cp "$(find "$tree/lib/modules" -path "*/kernel/$driver.ko*")" "$folder/lib/" || die "the kernel has no $driver"
        echo "$(basename "$driver").ko" >>"$folder/lib/order"
    done
    cp "$module" "$folder/lib/dsmil-sim.ko"
    cp scripts/kernel-init.sh "$folder/init"
    printf '%s\n' "$out" >"$folder/out"
    printf '%s\n' "$root" >"$folder/folder"
    printf '%q ' bash "$@" >"$folder/command"
    chmod +x "$folder/init"
    (cd "$folder" && find . | cpio -o -H newc --quiet) >"$out/initramfs"
}

boot() {
    rm -f "$out"/{ended,results,*.log}
    timeout --kill-after=5 "$seconds" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 \
        -nographic -nodefaults -no-reboot -serial stdio -monitor none \
        -kernel "$tree"/boot/vmlinuz-* -initrd "$out/initramfs" \
        -append "console=ttyS0 panic=-1 oops=panic reboot=t quiet loglevel=4" \
        -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
        -device virtio-9p-pci,fsdev=root,mount_tag=root \
        -fsdev local,id=out,path="$out",security_model=none -device virtio-9p-pci,fsdev=out,mount_tag=results \
        </dev/null 2>&1 | sed -u 's,\r,,g' | tee "$out/console.log" | sed -un 's/^.*GUEST //p'
    # QEMU ends well whatever became of the guest: only the guest's own mark counts.
    [ -e "$out/ended" ]
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_initramfs "$work" "$@"
for attempt in 1 2; do
    if boot; then exit 0; fi
    say "the guest did not come to its end (attempt $attempt); its last lines:"
    tail -n 15 "$out/console.log"
done
exit 1
