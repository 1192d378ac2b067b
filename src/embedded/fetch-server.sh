#!/bin/sh
# Fetches a database or cache server from the packages of this Debian or Ubuntu system, without
# installing anything and without root.
#
#   fetch-server.sh mysql|mariadb|redis DESTINATION
#
# The packages and all their libraries (libc too) are downloaded by apt-get with a private state, their
# signatures are checked with the system's keyring, and they are unpacked into DESTINATION, which
# appears whole or not at all. The system's own apt configuration is read, never changed: it says which
# mirror and which proxy to use.
set -eu
export LC_ALL=C

say() { printf 'hotrow: %s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

[ $# -eq 2 ] || fail "usage: fetch-server.sh mysql|mariadb|redis DESTINATION"
what=$1
case $2 in
/*) dest=$2 ;;
*) dest=$PWD/$2 ;;
esac

case $what in
mysql | mariadb) elsewhere="install mysql-server or mariadb-server, or give --mysqld PATH or --database-url URL" ;;
redis) elsewhere="install redis-server" ;;
*) fail "cannot fetch '$what'; only mysql, mariadb and redis are known" ;;
esac

for tool in apt-get apt-cache dpkg dpkg-deb flock; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "a server can be fetched on Debian and Ubuntu only ('$tool' is missing here): $elsewhere"
done

ID='' ID_LIKE='' VERSION_CODENAME='' UBUNTU_CODENAME='' DEBIAN_CODENAME=''
# shellcheck source=/dev/null
[ ! -r /etc/os-release ] || . /etc/os-release
if [ -n "$UBUNTU_CODENAME" ] || [ "$ID" = ubuntu ]; then
    family=ubuntu codename=${UBUNTU_CODENAME:-$VERSION_CODENAME}
else
    case " $ID $ID_LIKE " in
    *" debian "*) family=debian codename=${DEBIAN_CODENAME:-$VERSION_CODENAME} ;;
    *) fail "a server can be fetched on Debian and Ubuntu only, and this is '${ID:-unknown}': $elsewhere" ;;
    esac
fi
[ -n "$codename" ] || fail "/etc/os-release names no VERSION_CODENAME, so the right packages are unknown: $elsewhere"

# The lock is inherited by apt-get: after a kill -9 of this script the next fetch waits until nothing writes any more.
mkdir -p "$(dirname "$dest")" || fail "cannot create the directory of $dest: set HOTROW_CACHE_DIR to a writable directory"
exec 9>"$dest.lock" || fail "cannot write $dest.lock: set HOTROW_CACHE_DIR to a writable directory"
if ! flock -n 9; then
    say "another process is fetching $what, waiting for it"
    flock 9
fi
[ ! -d "$dest" ] || exit 0

work=$dest.fetching
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/tree"
: >"$work/state/status"
architecture=$(dpkg --print-architecture)

# Read after the system's own configuration: proxies stay, hooks and pins that are meant for the system do not.
cat >"$work/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Cache "$work/cache/";
Dir::Cache::archives "archives/";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$work/state/";
Dir::State::lists "lists/";
Dir::State::status "$work/state/status";
CONF

log=$work/apt.log
private_apt() {
    tool=$1
    shift
    "$tool" -c "$work/apt.conf" "$@"
}
fail_with_log() {
    tail -n 15 "$log" >&2
    fail "$*"
}

# What the system's sources offer as "REPOSITORY SUITE" of component main; works before any apt-get update.
apt-get indextargets --no-release-info --format '$(COMPONENT) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>"$log" |
    sed -n 's/^main \([^ ]*\) \([^ ]*\)$/\1 \2/p' | grep -v '^cdrom:' | sort -u >"$work/offered" || :
offers() { grep -qxF "$1 $2" "$work/offered"; }

own_suites=$codename
[ "$family" = ubuntu ] || own_suites="$codename stable oldstable testing unstable sid"
repositories=$(for suite in $own_suites; do
    awk -v suite="$suite" '$2 == suite { print $1 }' "$work/offered"
done | awk '!seen[$0]++')
[ -n "$repositories" ] ||
    fail "apt has no source for the component main of $family $codename: add one to /etc/apt/sources.list, or $elsewhere"

case $family-$what in
debian-mysql) wanted=unstable components=main ;;
debian-mariadb) wanted=bookworm components=main ;;
debian-redis) wanted=own components=main ;;
*) wanted=own components="main universe" ;;
esac
keyring=/usr/share/keyrings/$family-archive-keyring.gpg
signed_by=''
[ ! -r "$keyring" ] || signed_by="signed-by=$keyring "

write_sources() {
    if [ "$wanted" = own ]; then
        suites=''
        for suite in $own_suites; do
            offers "$1" "$suite" || continue
            suites=$suite
            ! offers "$1" "$suite-updates" || suites="$suites $suite-updates"
            break
        done
    else
        suites=$wanted
    fi
    for suite in $suites; do
        echo "deb [${signed_by}arch=$architecture target=Packages pdiffs=no] $1 $suite $components"
    done >"$work/sources.list"
}

# Another vendor may use the distribution's suite names, too: only the distribution's repository passes the check of
# the signature.
found=''
for repository in $repositories; do
    write_sources "$repository"
    say "reading the package list of $family ($suites)"
    if private_apt apt-get -q update >>"$log" 2>&1; then
        found=$repository
        break
    fi
done
[ -n "$found" ] ||
    fail_with_log "the package list could not be read (apt's messages are above): check the network and apt's proxy, or $elsewhere"

newest_named() {
    private_apt apt-cache search --names-only "^$1(-[0-9.]+)?\$" | cut -d ' ' -f 1 | sort -V | tail -n 1
}
case $family-$what in
debian-mysql | debian-mariadb) packages="$what-server-core $what-client-core" ;;
*-redis) packages=redis-server ;;
*)
    server=$(newest_named "$what-server-core")
    client=$(newest_named "$what-client-core")
    [ -n "$server" ] && [ -n "$client" ] || fail "$family $codename has no package $what-server-core: $elsewhere"
    packages="$server $client"
    ;;
esac

say "downloading $packages"
# shellcheck disable=SC2086 # a list of package names
private_apt apt-get -qy --download-only install $packages >>"$log" 2>&1 ||
    fail_with_log "the packages could not be downloaded (apt's messages are above): check the network and the free space of $(dirname "$dest"), or $elsewhere"

say "unpacking $(find "$work/cache/archives" -name '*.deb' | wc -l) packages into $dest"
for package in "$work"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$work/tree" 2>>"$log" ||
        fail_with_log "$(basename "$package") could not be unpacked: check the free space of $(dirname "$dest"), then try again"
    rm -f "$package"
done
mv "$work/tree" "$dest"
say "fetched $what"
