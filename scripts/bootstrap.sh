#!/usr/bin/env bash
# Installs what a stage needs and nothing more; doing it twice costs a second.
#
#   scripts/bootstrap.sh STAGE...     stages: make demo rust lint c python kernel fuzz; test for all of them
#
# Debian packages come from apt (root only; what is there is left alone), cargo tools and a Python environment go
# into a cache outside the tree: $DSMIL_CACHE, else $XDG_CACHE_HOME/dsmil-tools, else ~/.cache/dsmil-tools.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cargo_c_version=0.10.24+cargo-0.98.0
cargo_deny_version=0.20.2
cargo_fuzz_version=0.13.2

# package_present NAME: by dpkg where there is one, else by the command that the package is wanted for.
package_present() {
    if command -v dpkg-query >/dev/null; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
        return
    fi
    case $1 in
    libc6-dev | libc6-dbg | python3*-venv) return 0 ;; # part of the compiler, valgrind or Python elsewhere
    qemu-system-x86) command -v qemu-system-x86_64 >/dev/null ;;
    busybox-static) command -v busybox >/dev/null ;;
    util-linux) command -v unshare >/dev/null ;;
    libssl-dev) pkg-config --exists openssl ;;
    fuse3) command -v fusermount3 >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

apt_packages() {
    local missing=() package
    for package in "$@"; do
        package_present "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "no apt-get here; install what these Debian packages hold, then run again: ${missing[*]}"
    [ "$(id -u)" = 0 ] || die "not root; have these packages installed, then run again: apt-get install ${missing[*]}"
    say "apt-get install ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local options=(-q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
    # A stale list is better than none: whether it is good enough shows in the next line.
    apt-get "${options[@]}" update >/dev/null || say "apt-get update failed; going on with the lists that are here"
    apt-get "${options[@]}" install --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get could not install: ${missing[*]}"
}

# cargo_tool NAME VERSION
cargo_tool() {
    if cargo install --list --root "$cache" 2>/dev/null | grep -qxF "$1 v$2:" && [ -x "$(tool_binary "$1")" ]; then
        return 0
    fi
    say "cargo install $1 $2 into $cache (some minutes, once)"
    # These run for a second each: the time that matters is the compiler's. Built outside the tree's own target
    # folder and flags, or a CARGO_TARGET_DIR would be filled with it.
    env -u CARGO_TARGET_DIR -u RUSTFLAGS \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_DEBUG=false \
        cargo install --quiet --locked --force --root "$cache" --version "$2" "$1" ||
        die "cargo could not install $1 $2"
}

tool_binary() {
    case $1 in
    cargo-c) echo "$cache/bin/cargo-cinstall" ;;
    *) echo "$cache/bin/$1" ;;
    esac
}

rust_components() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    say "rustup component add rustfmt clippy"
    rustup component add rustfmt clippy || die "rustfmt and clippy are missing and rustup could not add them"
}

# The environment of pinned tools. A folder without its mark is one whose making was cut off: it is made again.
python_tools() {
    find_python >/dev/null || apt_packages python3
    use_venv
    if [ ! -e "$tools_venv/.complete" ]; then
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            # Debian keeps these two apart from the interpreter, in a package named after its version.
            apt_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
        fi
        say "Python tools into $tools_venv"
        rm -rf "$tools_venv"
        "$python" -m venv "$tools_venv"
        "$tools_venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            -r "$requirements" || die "pip could not install $requirements"
        "$tools_venv/bin/python" -m pip check --disable-pip-version-check >/dev/null ||
            die "$requirements does not list everything that its packages need"
        touch "$tools_venv/.complete"
    fi
    clone_venv
}

# This clone's own environment: empty but for a line that shows it the tools.
clone_venv() {
    local site
    site=$("$tools_venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    if [ "$(cat "$venv/.tools" 2>/dev/null)" != "$tools_venv" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv"
        echo "$site" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dsmil-tools.pth"
        echo "$tools_venv" >"$venv/.tools"
    fi
}

stage() {
    case $1 in
    make) apt_packages make ;;
    demo)
        use_rust
        command -v cc >/dev/null || apt_packages gcc libc6-dev
        ;;
    rust)
        use_rust
        apt_packages gcc libc6-dev pkg-config fuse3 openssl prometheus prometheus-alertmanager # they judge gates, metrics and alerts
        find_python >/dev/null || apt_packages python3 # PyO3 asks it how it was built
        ;;
    lint)
        stage rust
        apt_packages shellcheck
        rust_components
        cargo_tool cargo-deny "$cargo_deny_version"
        python_tools
        ;;
    c)
        use_rust
        # Together with g++: gcc's recommended parts aren't installed, so the C library's headers are named.
        apt_packages gcc g++ libc6-dev make pkg-config valgrind libc6-dbg cmake fuse3
        [ -x "$(tool_binary cargo-c)" ] || apt_packages libssl-dev # cargo-c holds cargo, which is linked to OpenSSL
        cargo_tool cargo-c "$cargo_c_version"
        ;;
    python)
        use_rust
        apt_packages gcc libc6-dev fuse3
        python_tools
        ;;
    kernel)
        stage c
        stage python
        # The kernel itself is not installed: scripts/kernel-fetch.sh unpacks it into the cache.
        apt_packages qemu-system-x86 busybox-static cpio util-linux sparse
        ;;
    fuzz)
        use_rust
        # libFuzzer is C++. A stable compiler that ships the sanitizers' runtimes will do: scripts/fuzz.sh sees to it.
        apt_packages gcc g++ libc6-dev
        cargo_tool cargo-fuzz "$cargo_fuzz_version"
        ;;
    test)
        # One call of apt for all, in place of one a stage.
        apt_packages gcc g++ libc6-dev make pkg-config valgrind libc6-dbg cmake fuse3 shellcheck qemu-system-x86 \
            busybox-static cpio util-linux sparse prometheus prometheus-alertmanager openssl
        local each
        for each in rust lint c python kernel fuzz; do stage "$each"; done
        ;;
    *) die "no such stage: $1 (make demo rust lint c python kernel fuzz test)" ;;
    esac
}

[ $# -gt 0 ] || die "which stage? make demo rust lint c python kernel fuzz test"
mkdir -p "$cache/bin" "$target"
# Two runs at once would write the same folders.
if command -v flock >/dev/null; then
    exec 9>"$cache/.lock"
    flock 9
fi
for each in "$@"; do stage "$each"; done
