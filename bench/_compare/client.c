/* A client in a closed loop that costs next to nothing: `client PORT CONNECTIONS REQUESTS FILE`.
 *
 * FILE is one whole request, which every connection sends again when it has the answer. An answer is
 * right if its status is 200, if it contains a finish reason "stop", and if its framing ends. Prints one
 * line: requests, wrong answers, pieces that were read, seconds, then in microseconds p50 and p99 of the
 * time to the first byte of the body and of the way of a token whose text is the time at which it was
 * sent (" @" and microseconds of CLOCK_MONOTONIC); 0 where there are none. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 4096
#define MOST_ANSWER 131072
#define MOST_TIMES (1 << 22)

struct talk {
    int fd;
    long began;
    size_t length, seen;
    int has_body;
    char answer[MOST_ANSWER];
};

struct times {
    int *values;
    size_t count;
};

static struct talk *talks[MOST_CONNECTIONS];
static char request[1 << 20];
static size_t request_length;
static long started, finished, wrong, pieces, wanted;
static struct times firsts, ways;

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void note(struct times *times, long value) {
    if (!times->values) times->values = malloc(MOST_TIMES * sizeof(int));
    if (times->count < MOST_TIMES) times->values[times->count++] = (int)value;
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int percentile(struct times *times, double share) {
    if (!times->count) return 0;
    qsort(times->values, times->count, sizeof(int), compare);
    return times->values[(size_t)(share * (times->count - 1))];
}

static void ask(struct talk *talk) {
    talk->length = talk->seen = 0;
    talk->has_body = 0;
    if (started >= wanted) return;
    started++;
    talk->began = now_us();
    if (send(talk->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) exit(3);
}

/* Whether the answer is whole: -1 for one that is wrong. */
static int is_whole(struct talk *talk) {
    char *body = strstr(talk->answer, "\r\n\r\n");
    if (!body) return 0;
    body += 4;
    size_t had = talk->length - (body - talk->answer);
    if (had && !talk->has_body) {
        talk->has_body = 1;
        note(&firsts, now_us() - talk->began);
    }
    char *field = strcasestr(talk->answer, "\r\ncontent-length:");
    if (field && field < body) {
        if (had < strtoul(field + 17, NULL, 10)) return 0;
    } else if (talk->length < 5 || memcmp(talk->answer + talk->length - 5, "0\r\n\r\n", 5))
        return 0;
    int is_right = !strncmp(talk->answer + 9, "200", 3) && strstr(body, "\"finish_reason\":\"stop\"");
    return is_right ? 1 : -1;
}

static void note_ways(struct talk *talk) {
    char *from = talk->answer + talk->seen, *at;
    long now = now_us();
    while ((at = strstr(from, " @"))) {
        note(&ways, now - atol(at + 2));
        from = at + 2;
    }
    talk->seen = talk->length;
}

static void hear(struct talk *talk) {
    ssize_t got = recv(talk->fd, talk->answer + talk->length, MOST_ANSWER - 1 - talk->length, 0);
    if (got <= 0) exit(4);
    pieces++;
    talk->length += got;
    talk->answer[talk->length] = 0;
    note_ways(talk);
    int whole = is_whole(talk);
    if (!whole) return;
    finished++;
    wrong += whole < 0;
    ask(talk);
}

int main(int count, char **words) {
    if (count != 5) return 2;
    int connections = atoi(words[2]), loop = epoll_create1(0), on = 1;
    struct rlimit most = {MOST_CONNECTIONS + 64, MOST_CONNECTIONS + 64};
    setrlimit(RLIMIT_NOFILE, &most);
    wanted = atol(words[3]);
    FILE *file = fopen(words[4], "rb");
    if (!file || connections > MOST_CONNECTIONS) return 2;
    request_length = fread(request, 1, sizeof request, file);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons(atoi(words[1]));
    for (int i = 0; i < connections; i++) {
        struct talk *talk = talks[i] = calloc(1, sizeof *talk);
        talk->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(talk->fd, (struct sockaddr *)&to, sizeof to)) return 3;
        setsockopt(talk->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = talk};
        epoll_ctl(loop, EPOLL_CTL_ADD, talk->fd, &event);
    }
    long began = now_us();
    for (int i = 0; i < connections; i++) ask(talks[i]);
    while (finished < wanted) {
        struct epoll_event ready[256];
        int many = epoll_wait(loop, ready, 256, 60000);
        if (many <= 0) return 5;
        for (int i = 0; i < many; i++) hear(ready[i].data.ptr);
    }
    printf("%ld %ld %ld %.6f %d %d %d %d\n", finished, wrong, pieces, (now_us() - began) / 1e6,
           percentile(&firsts, 0.5), percentile(&firsts, 0.99), percentile(&ways, 0.5),
           percentile(&ways, 0.99));
}
