#!/bin/sh
# The steps that Containerfile runs, one a call, and that tests/deploy runs in a fresh root of the same Debian:
#     steps.sh build        in a builder: what is needed to install from the source in /src
#     steps.sh install [E]  in a builder: the program in /opt/promptweave, with traces, and with the extra E
#     steps.sh runtime      in the image: Python, and the user that the program runs as
set -eu

debian() {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
    apt-get clean
}

case ${1:-} in
build)
    debian python3 python3-venv
    ;;
install)
    python3 -m venv /opt/promptweave
    /opt/promptweave/bin/pip install --no-cache-dir --quiet "/src[otel${2:+,$2}]"
    # Nobody installs anything in an image.
    /opt/promptweave/bin/pip uninstall --quiet --yes pip
    ;;
runtime)
    # libgomp1 is for the engine.
    debian python3 ca-certificates libgomp1
    useradd --uid 65532 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin promptweave
    # A new volume takes over the owner of what it is mounted on.
    install -d -o promptweave -g promptweave -m 700 /sessions
    ;;
*)
    echo "steps.sh build | install [engine] | runtime" >&2
    exit 2
    ;;
esac
