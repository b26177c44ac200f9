#!/bin/sh
# The files for CI are what GitHub and GitLab take, by their schemas, and run what we run; hadolint
# finds nothing in the Containerfile.
. "$(dirname "$0")/../support/shell.sh"
. tests/support/venv.sh

make_venv checkers 'the checkers need'
install -r tests/packaging/requirements.txt >"$log" 2>&1 ||
    skip "the checkers cannot be installed: $(tail -n 1 "$log")"
PATH=$venv/bin:$PATH
enter_work_folder

# follows SCHEMA FILE SED: it does, runs what we run, and as sed makes it anew it would not.
follows() {
    expect 0 check-jsonschema --builtin-schema "$1" "$top/$2"
    says "$top/$2" .ci/run
    sed "$3" "$top/$2" >broken.yml
    expect 1 check-jsonschema --builtin-schema "$1" broken.yml
}
follows vendor.github-workflows .github/workflows/ci.yml '/runs-on:/d'
follows vendor.gitlab-ci .gitlab-ci.yml 's/timeout: .*/timeout: []/'
expect 0 hadolint "$top/Containerfile"
sed 's/^USER .*/MAINTAINER us/' "$top/Containerfile" >broken
expect 1 hadolint broken
