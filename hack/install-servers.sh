#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of test/backends and test/e2e run on this machine: Redis,
# PostgreSQL and MariaDB, PHP with Laravel, the terminal tmux, and ipset for a policy
# engine. It starts nothing, because the tests start their own servers. It does nothing if
# everything is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

# has PACKAGE reports whether a Debian package is installed.
has() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=()
if ! command -v dpkg-query >/dev/null; then
  for program in redis-server mariadbd php tmux ipset; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "install-servers.sh: this machine is not Debian, and lacks ${missing[*]}; install redis, PostgreSQL, MariaDB, tmux, and PHP 8.2 with the extensions redis, pgsql and mysql and Laravel 8 in its include path" >&2
    exit 1
  fi
  exit 0
fi
for package in redis-server postgresql mariadb-server-core mariadb-client-core \
  php-cli php-laravel-framework php-mysql php-pgsql php-redis php-sqlite3 tmux ipset; do
  has "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "install-servers.sh: run this as root, or install the Debian packages: ${missing[*]}" >&2
  exit 1
fi

step "Installing Debian packages: ${missing[*]}"
# Debian's packages ask this program whether they may start their services.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\n# Written by hack/install-servers.sh for the time of an installation.\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
install_missing() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 install "${missing[@]}" >&2
}
if ! install_missing; then
  step "Updating the lists of Debian packages first"
  apt-get -q -o DPkg::Lock::Timeout=300 update >&2
  install_missing
fi
