#!/bin/sh
# Judges what a repository holds, and only then gives it to Flux: `promote.sh k8s/ oci://registry.example/shop/web main@sha1:4b825dc`.
# Run it in the pipeline that Flux trusts: nothing else may push to the repository of artifacts.
set -eu
path=$1 artifact=$2 revision=$3
attest policy check "$path" --strict
flux push artifact "$artifact:judged" --path="$path" --source="$(git config --get remote.origin.url)" --revision="$revision"
