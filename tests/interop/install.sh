#!/usr/bin/env bash
# Builds the workers in other languages into .interop of the project. Needs Go and npm.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$here/../.." && pwd)/.interop
go=$(command -v go || echo /usr/local/go/bin/go)
mkdir -p "$folder/typescript"

echo "Building the workers of other languages into $folder ..."
(cd "$here/go" && "$go" build -o "$folder/" ./...)
cp "$here"/typescript/* "$folder/typescript/"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder/typescript"
