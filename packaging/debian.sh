# Sourced by the scripts that install packages: root, and apt-get without surprises.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# become_root SCRIPT ARG...: returns if we are root, else starts SCRIPT again through sudo.
become_root() {
    [ "$(id -u)" -eq 0 ] && return
    if command -v sudo >/dev/null; then exec sudo -- "$@"; fi
    say "$1: needs root, and there is no sudo"
    exit 1
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
    local package
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

# apt_install PACKAGE...: installs what is missing, and asks nothing. Without network access if nothing is missing.
apt_install() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || { say "apt-get not found: this script is for Debian 12; install by hand: ${missing[*]}"; return 1; }
    say "installing: ${missing[*]}"
    apt_get update
    apt_get install --no-install-recommends -- "${missing[@]}"
}

apt_get() { # quiet unless it fails; waits for another apt instead of failing
    local log
    log=$(mktemp)
    if DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
        return
    fi
    cat "$log" >&2
    rm -f "$log"
    return 1
}

# apt_install_idle PACKAGE...: apt_install for servers that are to be started by nobody but us. Debian starts what it installs
# and enables it for the next boot: a policy denies the first while apt runs, and what is new is disabled afterwards.
apt_install_idle() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return
    ( # a shell of its own, so that its trap is nobody else's
        trap restore_policy EXIT
        trap 'exit 1' HUP INT TERM
        deny_starts && apt_install "${missing[@]}"
    ) && disable_services "${missing[@]}"
}

policy=/usr/sbin/policy-rc.d
policy_mark='# by swathe: nothing is started while its test servers are installed'

deny_starts() { # fails if it could not
    grep -qsF "$policy_mark" "$policy" && rm -f "$policy" # a run that was killed left it
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        [ -e "$policy.swathe-saved" ] || mv "$policy" "$policy.swathe-saved" || return
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy" && chmod 755 "$policy"
}

restore_policy() {
    grep -qsF "$policy_mark" "$policy" && rm -f "$policy"
    if [ -e "$policy.swathe-saved" ]; then mv "$policy.swathe-saved" "$policy"; fi
}

# disable_services PACKAGE...: what these packages brought does not start at boot, neither by systemd nor by sysvinit.
disable_services() {
    local unit script units scripts
    mapfile -t units < <(dpkg-query -L "$@" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/@]*\.(service|socket|timer))$,\2,p' | sort -u)
    mapfile -t scripts < <(dpkg-query -L "$@" | sed -nE 's,^/etc/init\.d/([^/]*)$,\1,p' | sort -u)
    if command -v systemctl >/dev/null; then
        for unit in "${units[@]}"; do systemctl --quiet disable "$unit" >/dev/null 2>&1 || say "note: could not disable $unit"; done
    fi
    for script in "${scripts[@]}"; do update-rc.d "$script" disable >/dev/null || say "note: could not disable $script"; done
}
