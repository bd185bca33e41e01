#!/bin/sh
# Prints the version of hermes as include/hermes.h has it: the one place where it stands.
header=$(dirname "$0")/../../include/hermes.h
exec sed -n 's/^#define HERMES_VERSION_STRING "\(.*\)"$/\1/p' "$header"
