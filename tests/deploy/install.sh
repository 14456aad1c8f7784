#!/usr/bin/env bash
# Builds Kustomize into .deploy of the project. Needs Go.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$here/../.." && pwd)/.deploy
go=$(command -v go || echo /usr/local/go/bin/go)
version=v5.8.1

if [[ ! -x $go ]]; then
  echo 'error: there is no go here. See https://go.dev/doc/install' >&2
  exit 1
fi
if [[ $("$folder/kustomize" version 2>/dev/null) == "$version" ]]; then
  exit
fi
echo "Building Kustomize $version into $folder ..."
GOBIN=$folder "$go" install "sigs.k8s.io/kustomize/kustomize/v5@$version"
