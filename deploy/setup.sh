#!/usr/bin/env bash
# Makes a fresh Debian 12 with Node 20 ready for `npm test` and `npm run demo`: Debian packages, npm packages, native
# code, BPF objects, JavaScript. Does only what is not done yet, so a second run takes a second or two, and needs root
# only where packages are missing. Says what it does on standard error; standard output stays empty.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 1>&2 </dev/null
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# What builds Torii, what it runs, and the routers and servers of the lab.
PACKAGES=(make gcc libc6-dev clang-14 libclang-rt-14-dev clang-19 libbpf-dev
  iproute2 ethtool nftables tcpdump util-linux procps bird2 frr gobgpd exabgp haproxy)
SERVICES=(bird frr gobgpd exabgp haproxy)

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*"
  exit 1
}

check_node() {
  command -v node >/dev/null || fail "Node.js is not installed: install version 20.19 or newer from nodejs.org"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "expected Node.js 20.19 or newer, got $(node --version): install it from nodejs.org"
}

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${PACKAGES[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "${PACKAGES[@]}" | sort -u) <(sort -u <<<"$installed")
}

# The lab starts routers and HAProxy by itself, in namespaces; the machine's own must neither start now nor at boot.
install_packages() {
  local policy=/usr/sbin/policy-rc.d service
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap "rm -f $policy" EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o DPkg::Lock::Timeout=300 update || fail "apt-get update failed: check the machine's network and /etc/apt"
  apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >/dev/null ||
    fail "apt-get could not install $*: run it by hand to see why"
  for service in "${SERVICES[@]}"; do
    if [[ " $* " == *" $service"* ]] && command -v systemctl >/dev/null; then
      systemctl disable "$service" >/dev/null 2>&1 || say "the $service service is still enabled: run systemctl disable $service"
    fi
  done
}

ensure_packages() {
  command -v dpkg-query >/dev/null || fail "this is no Debian: install the equivalents of ${PACKAGES[*]}, then run npm ci && npm run build"
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || fail "Debian packages are missing: run sudo apt-get install -y --no-install-recommends ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  install_packages "${missing[@]}"
}

ensure_modules() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  say "installing npm packages (npm ci)"
  npm ci --include=dev --loglevel=error || fail "npm ci failed: check the machine's network, then run npm ci"
}

# Both compilers know what is up to date. One build at a time: tests build their programs under the same lock.
build() {
  say "building what is not up to date: native code, BPF programs, TypeScript"
  mkdir -p native/build
  flock native/build/.lock make -s -C native -j"$(nproc)" || fail "the native build failed: run make -C native"
  node_modules/.bin/tsc -p . || fail "TypeScript does not compile: run npm run typecheck"
}

check_node
ensure_packages
ensure_modules
build
say "ready"
