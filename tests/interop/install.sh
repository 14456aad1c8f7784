#!/usr/bin/env bash
# Builds the workers and clients in other languages into .interop of the project. Needs Go, npm for
# TypeScript, and Maven with Java 17 for Java; `install.sh go` builds what is in Go alone.
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
mvn --batch-mode --quiet --file "$here/java/pom.xml" -Dfolder="$folder/java" package
