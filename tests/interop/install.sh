#!/usr/bin/env bash
# Builds the workers in other languages into .interop of the project. Needs Go, and npm for the one
# in TypeScript; `install.sh go` leaves that out.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$here/../.." && pwd)/.interop
go=$(command -v go || echo /usr/local/go/bin/go)

if [[ ! -x $go ]]; then
  echo 'error: there is no go here. See https://go.dev/doc/install' >&2
  exit 1
fi
echo "Building the workers of other languages into $folder ..."
mkdir -p "$folder/typescript"
(cd "$here/go" && "$go" build -o "$folder/" ./...)
if [[ ${1:-} == go ]]; then
  exit
fi
cp "$here"/typescript/* "$folder/typescript/"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder/typescript"
