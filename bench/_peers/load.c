/* A client that costs next to nothing: a closed loop of one request, on some connections.
 *
 *     load PORT CONNECTIONS SECONDS HEAD_AND_BODY_FILE
 *
 * The file has the bytes of the request. A response is whole when its content-length is there, or its
 * last chunk. Prints one line: requests, failures, chunks, then in microseconds the median and the 99th
 * percentile of the duration, of the time to the first token, and of the way of a paced chunk (whose
 * text is @ and the time at which the upstream sent it).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, ROOM = 1 << 17, SAMPLES = 1 << 22 };

struct connection {
    int fd, failed, first;
    size_t held, seen; /* bytes held, and how far chunks were looked for */
    int64_t began;
    char in[ROOM];
};

struct samples {
    int64_t *of;
    size_t count;
};

static struct connection *all;
static struct samples whole, first, way;
static char request[1 << 16];
static size_t request_size;
static long failures, chunks;
static struct sockaddr_in address;
static int poller;

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void note(struct samples *s, int64_t value) {
    if (s->count < SAMPLES) s->of[s->count++] = value;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t quantile(struct samples *s, double q) {
    if (!s->count) return 0;
    size_t place = (size_t)(q * (double)s->count);
    return s->of[place < s->count ? place : s->count - 1];
}

static void begin(struct connection *c) {
    c->held = c->seen = 0;
    c->first = 0;
    c->began = now_us();
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) c->failed = 1;
}

static void dial(struct connection *c) {
    int on = 1;
    c->failed = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("connect");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

/* Look for tokens in what is new. A piece of "content": that is cut is looked at with the rest. */
static void look(struct connection *c, int64_t now) {
    char *at = c->in + c->seen;
    for (char *found; (found = strstr(at, "\"content\":")); at = found + 10) {
        char *text = found + 10;
        if (text + 24 > c->in + c->held) break;
        text += *text == ' '; /* some write a blank behind the colon */
        if (*text++ != '"' || *text == '"') continue; /* null or empty, as with a role */
        chunks++;
        if (!c->first++) note(&first, now - c->began);
        if (*text == '@') note(&way, now - atoll(text + 1));
    }
    c->seen = (size_t)(at - c->in);
}

/* Return 1 if the response is whole, -1 if it can never be. */
static int ended(struct connection *c) {
    char *blank = strstr(c->in, "\r\n\r\n");
    if (!blank) return 0;
    if (strncmp(c->in, "HTTP/1.1 200", 12)) return -1;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    if (length && length < blank)
        return c->held >= (size_t)(blank + 4 - c->in) + (size_t)atol(length + 17);
    return c->held >= 5 && !memcmp(c->in + c->held - 5, "0\r\n\r\n", 5);
}

static void take(struct connection *c, int64_t until) {
    ssize_t got = recv(c->fd, c->in + c->held, ROOM - 1 - c->held, 0);
    int64_t now = now_us();
    if (got > 0) {
        c->held += (size_t)got;
        c->in[c->held] = 0;
        look(c, now);
    }
    int done = got <= 0 || c->held >= ROOM - 1 ? -1 : ended(c);
    if (!done) return;
    if (done < 0 || c->failed) {
        if (!failures++) fprintf(stderr, "load: failed: %.60s\n", got > 0 ? c->in : "closed");
        close(c->fd);
        dial(c);
    } else {
        note(&whole, now - c->began);
    }
    if (now < until) begin(c);
}

int main(int count, char **argument) {
    if (count != 5) return fprintf(stderr, "load PORT CONNECTIONS SECONDS FILE\n"), 2;
    int connections = atoi(argument[2]);
    if (connections < 1 || connections > MOST) return 2;
    FILE *file = fopen(argument[4], "rb");
    if (!file) return perror(argument[4]), 2;
    request_size = fread(request, 1, sizeof request, file);
    fclose(file);
    signal(SIGPIPE, SIG_IGN);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argument[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct samples *kinds[] = {&whole, &first, &way};
    for (int n = 0; n < 3; n++) kinds[n]->of = malloc(SAMPLES * sizeof(int64_t));
    all = calloc((size_t)connections, sizeof *all);
    poller = epoll_create1(0);
    int64_t until = now_us() + (int64_t)(atof(argument[3]) * 1e6), patience = until + 30000000;
    for (int n = 0; n < connections; n++) {
        dial(&all[n]);
        begin(&all[n]);
    }
    struct epoll_event ready[256];
    while (now_us() < until) {
        int many = epoll_wait(poller, ready, 256, 10);
        for (int n = 0; n < many; n++) take(ready[n].data.ptr, until);
        if (now_us() > patience) break;
    }
    printf("%zu %ld %ld", whole.count, failures, chunks);
    for (int n = 0; n < 3; n++) {
        qsort(kinds[n]->of, kinds[n]->count, sizeof(int64_t), ascending);
        printf(" %lld %lld", (long long)quantile(kinds[n], 0.5), (long long)quantile(kinds[n], 0.99));
    }
    printf("\n");
    return 0;
}
