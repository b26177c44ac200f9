#!/bin/sh
# The site is built without a warning, and a link that leads nowhere stops it; each tutorial does
# what it says, in an empty folder, with the command on PATH and the checkout in ~/eigentensor.
. "$(dirname "$0")/../support/shell.sh"

enter_work_folder

# ---- The site ----

if command -v sphinx-build >/dev/null; then
    expect 0 "$top/packaging/site/build.sh" site
    says site/docs/tutorials/onnx-to-c.html 'Your ONNX model as one C file'
    mkdir -p tree/docs
    (cd "$top" && cp -r ./*.md packaging runtime "$work/tree")
    printf '# Links\n\n[one](nowhere.md) [two](../README.md#no-such-heading)\n' >tree/docs/links.md
    expect 1 tree/packaging/site/build.sh broken
    says err 'nowhere.md'
    says err 'no-such-heading'
else
    echo '# no site: no sphinx-build'
fi

# ---- The tutorials ----

mkdir home bin
ln -s "$top" home/eigentensor
ln -s "$build/eigentensor" bin
HOME=$work/home PATH=$work/bin:$PATH
export HOME PATH LC_ALL=C.UTF-8

# tutorial NAME COMMAND...: is tried where all of the commands are.
tutorial() {
    name=$1
    shift
    for command in python3 "$@"; do
        command -v "$command" >/dev/null || {
            echo "# $name.md is not tried: no $command"
            return
        }
    done
    mkdir "$name"
    (cd "$name" && expect 0 "$top/tests/docs/tutorial.py" "$top/docs/tutorials/$name.md" &&
        exit "$failed") || failed=1
}
tutorial onnx-to-c gcc
tutorial browser clang wasm-ld node
tutorial microcontroller arm-none-eabi-gcc qemu-system-arm
tutorial same-digest gcc clang aarch64-linux-gnu-gcc qemu-aarch64
