#!/bin/sh
# Installs what the image holds into the Python that is found first, in two steps:
#
#   install.sh dependencies TORCH_INDEX     exactly as constraints.txt pins them
#   install.sh flywheel                     this repository, and then checks that all fits
#
# Run in the repository's root. An empty TORCH_INDEX takes torch from where all else comes from.
set -eu

case "$1" in
dependencies)
    if [ -n "${2-}" ]; then
        # Alone: nothing else may come from there. What torch needs follows in the next step.
        python -m pip install --no-deps --index-url "$2" "$(grep '^torch==' constraints.txt)"
    fi
    python -c "
import tomllib
with open('pyproject.toml', 'rb') as file:
    print(*tomllib.load(file)['project']['dependencies'], sep='\n')
" | python -m pip install --constraint constraints.txt --requirement /dev/stdin
    ;;
flywheel)
    python -m pip install --no-deps .
    python -m pip check
    ;;
*)
    echo "$1: no such step; there are: dependencies, flywheel" >&2
    exit 2
    ;;
esac
