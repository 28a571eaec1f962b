#!/bin/bash
# Runs the steps of Containerfile in fresh Debian roots made with debootstrap, and starts the services there as a container
# does: as user 65532, with a read-only root. As root, with debootstrap installed:
#     deploy/container/try.sh ROOM [DIRECTORY...]
# ROOM is a working directory; DIRECTORY...: what pip needs from this machine (mirrors, certificates), mounted in the builder
# at the same path. Prints sizes and times. Existing contents of ROOM are reused.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
mkdir -p "$1"
room=$(cd "$1" && pwd)
shift

# Runs in its own mount namespace, so that mounts end with the command.
within() { # ROOT BINDS COMMAND...
    root=$1 binds=$2
    shift 2
    unshare --mount --propagation private bash -euc '
        root=$1 binds=$2; shift 2
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        for place in $binds; do mkdir -p "$root$place"; mount --bind "$place" "$root$place"; done
        exec chroot "$root" "$@"' within "$root" "$binds" "$@"
}

timed() { # NAME COMMAND...
    local name=$1 begun=$SECONDS
    shift
    "$@" >"$room/$name.log" 2>&1 || { tail -20 "$room/$name.log" >&2; exit 1; }
    echo "$name: $((SECONDS - begun)) s"
}

from_debian() { # NAME: like FROM debian, with the steps at hand
    rm -rf "${room:?}/$1"
    cp -a "$room/debian" "$room/$1"
    cp --remove-destination -L /etc/resolv.conf "$room/$1/etc/resolv.conf"
    cp "$here/steps.sh" "$room/$1/steps.sh"
}

pip_settings() { env | grep -E '^(PIP_|SSL_CERT)' || true; }

if [ ! -e "$room/debian" ]; then
    timed debootstrap debootstrap --variant=minbase trixie "$room/debian.part" http://deb.debian.org/debian
    mv "$room/debian.part" "$room/debian"
fi

from_debian build
timed build within "$room/build" "" /steps.sh build
mkdir "$room/build/src"
git -C "$source" archive HEAD | tar -x -C "$room/build/src"
for extra in "" engine; do
    mapfile -t settings < <(pip_settings)
    timed "install${extra:+-$extra}" within "$room/build" "$*" env "${settings[@]}" HOME=/root /steps.sh install $extra
    rm -rf "$room/opt${extra:+-$extra}"
    mv "$room/build/opt/promptweave" "$room/opt${extra:+-$extra}"
done

from_debian runtime
timed runtime within "$room/runtime" "" /steps.sh runtime
rm "$room/runtime/steps.sh"
for role in compiler inference; do
    rm -rf "${room:?}/$role"
    cp -a "$room/runtime" "$room/$role"
    mkdir -p "$room/$role/opt"
    case $role in compiler) from=opt ;; *) from=opt-engine ;; esac
    cp -a "$room/$from" "$room/$role/opt/promptweave"
    echo "$role: $(du -sm "$room/$role" | cut -f1) MiB, of which $(du -sm "$room/$role/opt" | cut -f1) are promptweave and its packages"
done

# Like a container: only /tmp is writable, all capabilities are dropped, and the environment is the image's.
cat >"$room/as-container" <<'END'
#!/bin/bash
# as-container ROOT COMMAND...
set -euo pipefail
root=$1; shift
exec unshare --mount --propagation private bash -euc '
    root=$1; shift
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o size=256m tmpfs "$root/tmp"
    chmod 1777 "$root/tmp"
    mount -o remount,bind,ro "$root"
    exec chroot "$root" setpriv --reuid 65532 --regid 65532 --clear-groups --bounding-set=-all --no-new-privs \
        env -i PATH=/opt/promptweave/bin:/usr/bin:/bin HOME=/tmp ${METRICS:+PROMPTWEAVE_METRICS=$METRICS} "$@"
' as-container "$root" "$@"
END
chmod +x "$room/as-container"
