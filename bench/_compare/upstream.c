/* An upstream in OpenAI's format that costs next to nothing: `upstream GAP_US`.
 *
 * It listens on a free loopback port and prints it. Every POST gets a stream: a role, 64 tokens, the
 * finish reason, the usage and [DONE], each event in an HTTP chunk of its own. The whole answer is one
 * write, unless the model's name contains "paced": then an event is sent every GAP_US microseconds. A
 * token of a paced answer is the time at which it is sent (CLOCK_MONOTONIC, in microseconds), so that
 * a client on the same machine can tell how long it was under way. Every GET gets an empty list. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

#define TOKENS 64
#define EVENTS (TOKENS + 4)
#define MOST_FDS 16384
#define MOST_REQUEST (1 << 20)

struct visit {
    char *request;
    size_t length, room;
    int sent;   /* events of a paced answer that were sent; -1 while none runs */
    long due;
};

static struct visit visits[MOST_FDS];
static int loop, running;
static char whole[EVENTS * 512];
static size_t whole_length;

static const char HEAD[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                           "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
static const char LIST[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                           "content-length: 27\r\n\r\n{\"object\":\"list\",\"data\":[]}";
static const char EVENT[] = "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\","
                            "\"created\":1767225600,\"model\":\"mock-1\",\"system_fingerprint\":\"fp_1\","
                            "\"choices\":[%s]%s}\n\n";
static const char CHOICE[] = "{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}";

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* Write event `number` as one HTTP chunk, or several; return its length. */
static size_t write_event(char *out, int number, long stamp) {
    char delta[64], choice[256], event[512];
    if (number == 0)
        strcpy(delta, "\"role\":\"assistant\",\"content\":\"\"");
    else if (number <= TOKENS && stamp)
        sprintf(delta, "\"content\":\" @%ld\"", stamp);
    else if (number <= TOKENS)
        sprintf(delta, "\"content\":\" word%d\"", number);
    else
        delta[0] = 0;
    sprintf(choice, CHOICE, delta, number == TOKENS + 1 ? "\"stop\"" : "null");
    if (number == TOKENS + 2)
        sprintf(event, EVENT, "", ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":64,\"total_tokens\":73}");
    else if (number == TOKENS + 3)
        strcpy(event, "data: [DONE]\n\n");
    else
        sprintf(event, EVENT, choice, "");
    const char *end = number == TOKENS + 3 ? "0\r\n\r\n" : "";
    return sprintf(out, "%zx\r\n%s\r\n%s", strlen(event), event, end);
}

static void leave(int fd) {
    if (visits[fd].sent >= 0) running--;
    free(visits[fd].request);
    visits[fd] = (struct visit){.sent = -1};
    close(fd);
}

static void put(int fd, const char *data, size_t length) {
    /* A gateway that does not read would block us; loopback's buffers hold a whole answer. */
    if (send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length) leave(fd);
}

static void answer(int fd) {
    struct visit *visit = &visits[fd];
    int paced = memmem(visit->request, visit->length, "paced", 5) != NULL;
    int is_get = !strncmp(visit->request, "GET", 3);
    visit->length = 0;
    if (is_get)
        put(fd, LIST, sizeof LIST - 1);
    else if (paced) {
        visit->sent = 0, visit->due = now_us(), running++;
        put(fd, HEAD, sizeof HEAD - 1);
    } else
        put(fd, whole, whole_length);
}

static void hear(int fd) {
    struct visit *visit = &visits[fd];
    if (visit->length + 65536 > visit->room)
        visit->request = realloc(visit->request, visit->room = visit->length + 131072);
    ssize_t got = recv(fd, visit->request + visit->length, 65535, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || (visit->length += got) > MOST_REQUEST) return leave(fd);
    visit->request[visit->length] = 0;
    char *end = strstr(visit->request, "\r\n\r\n");
    if (!end) return;
    char *field = strcasestr(visit->request, "\r\ncontent-length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
    if (visit->length >= (size_t)(end + 4 - visit->request) + body) answer(fd);
}

static long pace(long gap) {
    long now = now_us(), next = -1;
    char event[600];
    for (int fd = 0; running && fd < MOST_FDS; fd++) {
        struct visit *visit = &visits[fd];
        if (visit->sent < 0) continue;
        while (visit->sent >= 0 && visit->due <= now) {
            int number = visit->sent++;
            visit->due += gap;
            if (visit->sent == EVENTS) visit->sent = -1, running--;
            put(fd, event, write_event(event, number, now));
        }
        if (visit->sent >= 0 && (next < 0 || visit->due < next)) next = visit->due;
    }
    if (next < 0) return -1;
    long left = next - now_us();
    return left < 0 ? 0 : (left + 999) / 1000;
}

int main(int count, char **words) {
    long gap = count > 1 ? atol(words[1]) : 10000;
    struct rlimit most = {MOST_FDS, MOST_FDS};
    setrlimit(RLIMIT_NOFILE, &most);
    for (int fd = 0; fd < MOST_FDS; fd++) visits[fd].sent = -1;
    whole_length = sprintf(whole, "%s", HEAD);
    for (int number = 0; number < EVENTS; number++)
        whole_length += write_event(whole + whole_length, number, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    loop = epoll_create1(0);
    struct epoll_event ready[256], event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        long wait = pace(gap);
        int many = epoll_wait(loop, ready, 256, wait < 0 ? -1 : (int)wait);
        for (int i = 0; i < many; i++) {
            int fd = ready[i].data.fd;
            if (fd != listener) {
                hear(fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0 && fd < MOST_FDS) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                event.data.fd = fd;
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
