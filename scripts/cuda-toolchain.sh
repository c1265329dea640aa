#!/usr/bin/env bash
# Sets up what `cargo build --features cuda` needs on a machine with neither a GPU nor a
# CUDA toolkit: NVIDIA's compiler and libraries from their PyPI wheels, laid out as a
# toolkit, and a stand-in for the driver's library to link against.
#
#     scripts/cuda-toolchain.sh [DIR]          # default: ~/.cache/antiks/cuda
#     source DIR/env.sh
#     cargo build --release --features cuda
#
# What is built runs where CUDA 13's own libraries and driver are, not here. Running the
# script again finishes what is missing and leaves the rest alone. About 1.2 GB of disk.
set -euo pipefail

# One toolkit version for all: nvcc, its back end and its headers must match.
wheels=(
    nvidia-cuda-nvcc==13.0.88
    nvidia-nvvm==13.0.88
    nvidia-cuda-crt==13.0.88
    "nvidia-cuda-cccl==13.0.*"
    "nvidia-cuda-runtime==13.0.*"
    "nvidia-cuda-nvrtc==13.0.*"
    "nvidia-cublas>=13.0,<13.2"
    "nvidia-curand==10.4.*"
)
# The compute capability that candle's own kernels are compiled for, as PTX: Ampere, unless
# said otherwise, the oldest that antiks' kernels are for. Drivers of newer cards, and of no
# older ones, compile it for theirs.
compute_cap="${CUDA_COMPUTE_CAP:-80}"

fail() {
    printf 'cuda-toolchain: %s\n' "$*" >&2
    exit 1
}

[[ $# -le 1 ]] || fail "usage: scripts/cuda-toolchain.sh [DIR]"
case "${1:-}" in
-*) fail "usage: scripts/cuda-toolchain.sh [DIR]" ;;
esac
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
root="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/antiks/cuda}"
mkdir -p "$root" || fail "cannot make $root"
root="$(cd "$root" && pwd)"
# What is in the folder gets replaced: it must be empty, or be made by this script.
marker="made-by-cuda-toolchain"
if [[ -n "$(ls -A "$root")" && ! -f "$root/$marker" ]] &&
    ! grep -qs '^# Made by scripts/cuda-toolchain.sh' "$root/env.sh"; then
    fail "$root is not empty, and not made by this script; name another folder"
fi
: >"$root/$marker"

[[ "$(uname -sm)" == "Linux x86_64" ]] || fail "the wheels are for Linux on x86_64, this is $(uname -sm)"
for tool in python3 cc c++ cargo; do
    command -v "$tool" >/dev/null || fail "$tool is missing; it is needed here or by nvcc"
done
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install it, e.g. python3-pip"

# The wheels are unpacked into a folder that takes its final name only when it is whole.
wanted="$(printf '%s\n' "${wheels[@]}")"
if [[ ! -f "$root/wheels.txt" || "$(cat "$root/wheels.txt")" != "$wanted" || ! -d "$root/packages" ]]; then
    rm -rf "$root/packages" "$root/packages.part" "$root/wheels.txt"
    echo "fetching NVIDIA's wheels (700 MB) to $root"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
        --only-binary=:all: --target "$root/packages.part" "${wheels[@]}" ||
        fail "pip could not fetch the wheels; the lines above say why"
    mv "$root/packages.part" "$root/packages"
    printf '%s\n' "$wanted" >"$root/wheels.txt"
fi

packages="$root/packages/nvidia/cu13"
[[ -x "$packages/bin/nvcc" ]] || fail "the wheels have no bin/nvcc; delete $root and try again"

# A toolkit as build scripts look for it: lib64, and library names without a version. Like
# the wheels, it takes its final name only when it is whole.
toolkit="$root/toolkit"
part="$root/toolkit.part"
rm -rf "$part"
mkdir -p "$part/lib64/stubs"
for folder in bin include nvvm; do
    ln -s "$packages/$folder" "$part/$folder"
done
ln -s lib64 "$part/lib"
for library in "$packages"/lib/*; do
    name="$(basename "$library")"
    ln -s "$library" "$part/lib64/$name"
    case "$name" in
    *.so.*) ln -sf "$library" "$part/lib64/${name%%.so.*}.so" ;;
    esac
done

# The driver's library comes with a driver. The linker only wants to see the names, and
# those that can be asked for are the ones that cudarc declares.
if ! compgen -G "${CARGO_HOME:-$HOME/.cargo}/registry/src/*/cudarc-*/src/driver/sys/mod.rs" >/dev/null; then
    cargo fetch --quiet --locked --manifest-path "$repository/Cargo.toml" ||
        fail "cargo could not fetch the crates; cudarc's source is needed for the driver's names"
fi
sources=("${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-*/src/driver/sys/mod.rs)
[[ -f "${sources[0]}" ]] || fail "cudarc's source is not in cargo's registry; run cargo fetch"
stub="$(mktemp -d)"
trap 'rm -rf "$stub"' EXIT
grep -hoE '\bfn cu[A-Z][A-Za-z0-9_]*' "${sources[@]}" | sed 's/^fn //' | sort -u |
    sed 's/.*/void &(void) {}/' >"$stub/cuda.c"
[[ -s "$stub/cuda.c" ]] || fail "found no driver function in ${sources[*]}"
cc -shared -fPIC -w -fno-builtin -Wl,-soname,libcuda.so.1 -o "$part/lib64/stubs/libcuda.so" "$stub/cuda.c" ||
    fail "cc could not make the stand-in for libcuda.so"
rm -rf "$toolkit"
mv "$part" "$toolkit"

cat >"$root/env.sh" <<ENV
# Made by scripts/cuda-toolchain.sh: source it before cargo build --features cuda.
export CUDA_HOME="$toolkit"
export CUDA_PATH="$toolkit"
export CUDA_COMPUTE_CAP="$compute_cap"
export PATH="$toolkit/bin:\$PATH"
export LIBRARY_PATH="$toolkit/lib64:$toolkit/lib64/stubs\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
ENV

"$toolkit/bin/nvcc" --version | grep -q 'release 13\.0' || fail "nvcc does not start, or is not 13.0"
echo "ready: source $root/env.sh"
