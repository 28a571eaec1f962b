#!/bin/sh
# The steps of Containerfile, one per call; tests/deploy runs them in a fresh root of the same Debian release:
#     steps.sh build        in the builder: installs what building from /src requires
#     steps.sh install [E]  in the builder: installs promptweave in /opt/promptweave, with tracing and the extra E
#     steps.sh runtime      in the image: installs Python, and creates the user that runs the service
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
    # Nothing is installed in a running image.
    /opt/promptweave/bin/pip uninstall --quiet --yes pip
    ;;
runtime)
    # The engine requires libgomp1.
    debian python3 ca-certificates libgomp1
    useradd --uid 65532 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin promptweave
    # A new volume gets the owner of its mount point.
    install -d -o promptweave -g promptweave -m 700 /sessions
    ;;
*)
    echo "steps.sh build | install [engine] | runtime" >&2
    exit 2
    ;;
esac
