/* An upstream that costs next to nothing: OpenAI's chat completions, made up, from one thread.
 *
 *     upstream PORT CHUNKS GAP_US
 *
 * A request with "stream":true gets CHUNKS chunks, at once or with a pause of GAP_US between two. Any
 * other POST gets a whole answer, and a GET an empty list of models. Each paced chunk has the time at
 * which it was sent (CLOCK_MONOTONIC, microseconds) in its text, so that a client on the same machine
 * knows how long it was under way. It prints its port when it serves.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

enum { MOST = 8192, ROOM = 65536 };

struct connection {
    char in[ROOM];
    size_t held;
    int left;     /* chunks of the stream that runs */
    int64_t due;  /* when the next one is sent */
};

static struct connection *at[MOST];
static int chunks;
static int64_t gap;
static char whole[ROOM], burst[1 << 20];
static size_t whole_size, burst_size;

static const char HEAD[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                           "transfer-encoding: chunked\r\n\r\n";
static const char END[] = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,"
                          "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"
                          "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t framed(char *to, size_t room, const char *text) {
    return (size_t)snprintf(to, room, "%zx\r\n%s\r\n", strlen(text), text);
}

static size_t chunk(char *to, size_t room, const char *text) {
    char event[512];
    snprintf(event, sizeof event,
             "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
             "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}\n\n",
             text);
    return framed(to, room, event);
}

static size_t ending(char *to, size_t room) {
    size_t size = framed(to, room, END);
    return size + (size_t)snprintf(to + size, room - size, "0\r\n\r\n");
}

static void prepare(void) {
    burst_size = (size_t)snprintf(burst, sizeof burst, "%s", HEAD);
    for (int n = 0; n < chunks; n++)
        burst_size += chunk(burst + burst_size, sizeof burst - burst_size, "word ");
    burst_size += ending(burst + burst_size, sizeof burst - burst_size);
    char text[8192] = "", body[16384];
    for (int n = 0; n < chunks && strlen(text) < sizeof text - 8; n++) strcat(text, "word ");
    snprintf(body, sizeof body,
             "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":"
             "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":%d,"
             "\"total_tokens\":%d}}", text, chunks, chunks + 9);
    whole_size = (size_t)snprintf(whole, sizeof whole,
                                  "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                  "content-length: %zu\r\n\r\n%s", strlen(body), body);
}

static void say(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) continue; /* a reader that is slow is not part of this */
        if (sent <= 0) return;
        data += sent;
        size -= (size_t)sent;
    }
}

static void leave(int fd) {
    free(at[fd]);
    at[fd] = NULL;
    close(fd);
}

static void answer(int fd, struct connection *c, const char *head, const char *body) {
    if (!strncmp(head, "GET", 3)) {
        static const char models[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                     "content-length: 54\r\n\r\n"
                                     "{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"object\":\"model\"}]}";
        say(fd, models, sizeof models - 1);
    } else if (!strstr(body, "\"stream\":true") && !strstr(body, "\"stream\": true")) {
        say(fd, whole, whole_size);
    } else if (!gap) {
        say(fd, burst, burst_size);
    } else {
        say(fd, HEAD, sizeof HEAD - 1);
        c->left = chunks;
        c->due = now_us();
    }
}

/* Answer each request that is whole; return whether the connection stays. */
static int take(int fd, struct connection *c) {
    ssize_t got = recv(fd, c->in + c->held, ROOM - 1 - c->held, 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    c->held += (size_t)got;
    for (;;) {
        c->in[c->held] = 0;
        char *blank = strstr(c->in, "\r\n\r\n");
        if (!blank) return c->held < ROOM - 1;
        size_t size = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        if (length && length < blank) size = (size_t)atol(length + 17);
        size_t all = (size_t)(blank + 4 - c->in) + size;
        if (all > ROOM - 1) return 0;
        if (c->held < all) return 1;
        char next = c->in[all];
        c->in[all] = 0;
        answer(fd, c, c->in, blank + 4);
        c->in[all] = next;
        memmove(c->in, c->in + all, c->held - all);
        c->held -= all;
    }
}

/* Send what is due; return how many milliseconds from now something is. */
static int paced(int most) {
    int64_t now = now_us(), next = -1;
    for (int fd = 0; fd <= most; fd++) {
        struct connection *c = at[fd];
        if (!c || !c->left) continue;
        while (c->left && c->due <= now) {
            char piece[1024], text[32];
            snprintf(text, sizeof text, "@%lld ", (long long)now_us());
            size_t size = chunk(piece, sizeof piece, text);
            c->due += gap;
            if (!--c->left) size += ending(piece + size, sizeof piece - size);
            say(fd, piece, size);
        }
        if (c->left && (next < 0 || c->due < next)) next = c->due;
    }
    if (next < 0) return -1;
    return next <= now ? 0 : (int)((next - now) / 1000) + 1;
}

int main(int count, char **argument) {
    if (count != 4) return fprintf(stderr, "upstream PORT CHUNKS GAP_US\n"), 2;
    chunks = atoi(argument[2]);
    gap = atoll(argument[3]);
    if (chunks < 1 || chunks > 1000) return fprintf(stderr, "1 to 1000 chunks\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    prepare();
    int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argument[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, (struct sockaddr *)&address, size) || listen(server, 1024)) return perror("bind"), 1;
    getsockname(server, (struct sockaddr *)&address, &size);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, server, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int most = 0;;) {
        int many = epoll_wait(poller, ready, 256, gap ? paced(most) : -1);
        for (int n = 0; n < many; n++) {
            int fd = ready[n].data.fd;
            if (fd != server) {
                if (!take(fd, at[fd])) leave(fd);
                continue;
            }
            while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MOST) { close(fd); continue; }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                at[fd] = calloc(1, sizeof *at[fd]);
                if (fd > most) most = fd;
                event.data.fd = fd;
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
