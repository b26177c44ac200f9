#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int listen_open(const char *host, long port, struct et_error *error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char service[16];
    snprintf(service, sizeof service, "%ld", port);
    int problem = getaddrinfo(host, service, &hints, &found);
    if (problem != 0) {
        et_fail(error, "%s: %s", host, gai_strerror(problem));
        return -1;
    }
    int one = 1, listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener >= 0)
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(listener, 1024) != 0) {
        et_fail(error, "%s, port %ld: %s", host, port, strerror(errno));
        if (listener >= 0)
            close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    return listener;
}

/* A number that the environment has; -1: it has none. */
static long environment_number(const char *name) {
    const char *text = getenv(name);
    char *end;
    long number = text ? strtol(text, &end, 10) : -1;
    return text && *text && !*end ? number : -1;
}

static bool is_listening(int file) {
    int domain = 0, type = 0, listens = 0;
    socklen_t bytes = sizeof domain;
    return getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 &&
           getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
           getsockopt(file, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) == 0 &&
           (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM && listens;
}

int listen_inherited(bool *is_inherited, struct et_error *error) {
    enum { FIRST_FILE = 3 };
    long process = environment_number("LISTEN_PID"), count = environment_number("LISTEN_FDS");
    *is_inherited = process == getpid() && count > 0;
    if (!*is_inherited)
        return -1;
    unsetenv("LISTEN_PID"); /* compilers that start from here are not meant */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count != 1) {
        et_fail(error, "LISTEN_FDS: %ld sockets, expected one", count);
        return -1;
    }
    if (!is_listening(FIRST_FILE) || fcntl(FIRST_FILE, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(FIRST_FILE, F_SETFL, O_NONBLOCK) != 0) {
        et_fail(error, "LISTEN_FDS: file 3 is not a TCP socket that listens");
        return -1;
    }
    return FIRST_FILE;
}

int listen_port(int listener) {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address;
    socklen_t bytes = sizeof address;
    if (getsockname(listener, &address.any, &bytes) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}
