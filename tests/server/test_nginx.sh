#!/bin/sh
# packaging/nginx/nginx.conf: TLS and clients' certificates before two replicas, each of which is
# ended and started again while requests come.
. "$(dirname "$0")/../support/shell.sh"

PATH=$PATH:/usr/sbin
for command in nginx openssl python3; do
    command -v $command >/dev/null || skip "needs $command"
done
SERVER=$build/eigentensor-server
[ -x "$SERVER" ] || skip "not built: eigentensor-server"
export SERVER
enter_work_folder
mkdir tls temporary
make_certificate() { # NAME SUBJECT [ARGUMENTS]
    name=$1 subject=$2
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj "/CN=$subject" -keyout "tls/$name.key" -out "tls/$name.pem" "$@" 2>openssl.log ||
        { cat openssl.log && exit 1; }
}
make_certificate server localhost -addext subjectAltName=IP:127.0.0.1
make_certificate clients authority
make_certificate client client -CA tls/clients.pem -CAkey tls/clients.key
make_certificate stranger stranger
python3 -B "$top/tests/server/server_nginx.py" "$top/packaging/nginx/nginx.conf" || failed=1
