# shellcheck shell=sh
# An apt that works in a folder of its own: it needs no root, installs nothing, and leaves the
# machine its architecture. Other scripts take this in.

# apt_apart FOLDER deb|deb-src ARCHITECTURE: begins one, in FOLDER, absolute from here on as $apt,
# for packages or for sources.
apt_apart() {
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial" "$1/sources"
    apt=$(realpath "$1") apt_architecture=$3
    : >"$apt/status"
    : >"$apt/sources.list"
    # The archives of the distribution alone: others may not have this architecture.
    grep -l debian-archive-keyring /etc/apt/sources.list.d/* 2>/dev/null | while read -r source; do
        sed "s/^Types:.*/Types: $2/; s/^deb\(-src\)* /$2 /" "$source" >"$apt/sources/${source##*/}"
    done
    [ ! -s /etc/apt/sources.list ] ||
        sed "s/^deb\(-src\)* /$2 /" /etc/apt/sources.list >"$apt/sources.list"
}

apt_get() {
    _apt_tool apt-get "$@"
}

apt_cache() {
    _apt_tool apt-cache "$@"
}

_apt_tool() {
    tool=$1
    shift
    "$tool" -qq -o "APT::Architecture=$apt_architecture" \
        -o "APT::Architectures=$apt_architecture" -o "Dir::State=$apt" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" \
        -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list" \
        -o "Dir::Etc::sourceparts=$apt/sources" -o "APT::Sandbox::User=root" "$@"
}
