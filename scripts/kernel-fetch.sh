#!/usr/bin/env bash
# Unpacks Debian's kernel, with what a module is built against, into the cache outside the tree; prints the folder. Nothing is
# installed. Once a version is there it is used without asking the network.
#
# DSMIL_KERNEL_VERSION: another one, as in linux-headers-VERSION-amd64, or `newest`.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=${DSMIL_KERNEL_VERSION:-}
store=$cache/kernel
mkdir -p "$store"
if [ "$version" = newest ]; then
    # Debian keeps newer kernels beside its own; -cloud- and -rt- are other flavours of the same.
    version=$(apt-cache search --names-only '^linux-headers-[0-9.+a-z~-]*-amd64$' 2>/dev/null | cut -d' ' -f1 |
        sed 's/^linux-headers-//; s/-amd64$//' | grep -vE 'cloud|rt' | sort -V | tail -n 1)
    [ -n "$version" ] || die "apt-cache knows no linux-headers: run apt-get update"
fi
if [ -z "$version" ]; then
    command -v apt-cache >/dev/null || die "no apt-get here: the kernel for the tests is Debian's, fetched with apt-get"
    # The name of the present version is in a package that depends on it. Without a list of packages, what is here is taken.
    version=$(apt-cache depends linux-headers-amd64 2>/dev/null | sed -n 's/.*Depends: linux-headers-\(.*\)-amd64$/\1/p' | head -n 1)
    [ -n "$version" ] || version=$(find "$store" -mindepth 2 -maxdepth 2 -name .complete -printf '%h\n' | sort -V | tail -n 1 | xargs -r basename)
    [ -n "$version" ] || die "apt-cache knows no linux-headers-amd64: run apt-get update, or name a version with DSMIL_KERNEL_VERSION"
fi
tree=$store/$version

fetch() {
    local debs=$store/debs-$version kbuild
    rm -rf "$tree" "$debs"
    mkdir -p "$tree" "$debs"
    kbuild=$(apt-cache depends "linux-headers-$version-amd64" | sed -n 's/.*Depends: \(linux-kbuild-.*\)/\1/p' | head -n 1)
    [ -n "$kbuild" ] || die "apt-cache knows no linux-headers-$version-amd64: run apt-get update"
    say "kernel $version into $tree (80 MB, once)" >&2
    (cd "$debs" && apt-get -q -o Acquire::Retries=3 download "linux-image-$version-amd64" "linux-headers-$version-amd64" \
        "linux-headers-$version-common" "$kbuild" >/dev/null) || die "apt-get could not download the kernel $version"
    local deb
    for deb in "$debs"/*.deb; do dpkg -x "$deb" "$tree"; done
    rm -rf "$debs"
    # The headers point at where they would be installed.
    sed -i "s# /usr/src# $tree/usr/src#" "$tree/usr/src/linux-headers-$version-amd64/Makefile"
    touch "$tree/.complete"
}

if [ ! -e "$tree/.complete" ]; then
    exec 8>"$store/.lock"
    flock 8
    [ -e "$tree/.complete" ] || fetch
fi
echo "$tree"
