#!/usr/bin/env bash
# Builds the real Zigflow into .zigflow/bin of the project, if it is not there yet. Needs Go; where
# `go` is not on the PATH, its usual place is tried.
set -euo pipefail

version=v0.14.3
folder=$(cd "$(dirname "$0")/../.." && pwd)/.zigflow
go=$(command -v go || echo /usr/local/go/bin/go)

if [[ -x $folder/bin/zigflow && -f $folder/$version ]]; then
  exit
fi
if [[ ! -x $go ]]; then
  echo 'error: Zigflow is built with Go, and there is no go here. See https://go.dev/doc/install' >&2
  exit 1
fi
echo "Building Zigflow $version into $folder ..."
GOBIN=$folder/bin "$go" install "github.com/zigflow/zigflow@$version"
touch "$folder/$version"
