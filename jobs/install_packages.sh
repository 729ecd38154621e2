#!/usr/bin/env bash
# Installs the Debian packages that files list, as root or through sudo: jobs/install_packages.sh [FILE...]; default:
# packages.txt. Files are named relative to the project.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t packages < <(grep -hv '^ *#' "${@:-packages.txt}" | grep .)
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo > /dev/null || { echo "be root, or install sudo: packages are to be installed" >&2; exit 1; }
  as_root=(sudo)
fi

echo "installing by apt-get: ${packages[*]}"
"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${packages[@]}"
