/* Answers of the API from ready bytes, on loopback, at less cost than any client: a load generator, no emulator.
 *
 * It checks nothing and keeps nothing. Every connection has a thread of its own, so that a delay is a plain sleep.
 * Usage: generator FOLDER DELAY_MS    (prints its port, and ends when its standard input is closed)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct bytes { char *at; size_t length; };
struct list { struct bytes text; uint64_t *starts; size_t count; };

static struct list v1, v2;
static struct bytes groups, reports, tags, summaries;
static long delay_ms;

static struct bytes load(const char *folder, const char *name) {
    char path[1024];
    struct stat about;
    struct bytes found = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &about) < 0) { perror(path); exit(1); }
    found.length = about.st_size;
    found.at = mmap(0, found.length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    close(file);
    if (found.at == MAP_FAILED) { perror(path); exit(1); }
    return found;
}

static struct list load_list(const char *folder, const char *name) {
    char file[64];
    struct list found;
    snprintf(file, sizeof file, "%s.json", name);
    found.text = load(folder, file);
    snprintf(file, sizeof file, "%s.starts", name);
    struct bytes starts = load(folder, file);
    found.starts = (uint64_t *)starts.at;
    found.count = starts.length / sizeof(uint64_t) - 1;
    return found;
}

static const char *parameter(const char *query, const char *name) {
    size_t length = strlen(name);
    for (const char *at = query; at; at = strchr(at, '&') ? strchr(at, '&') + 1 : 0)
        if (!strncmp(at, name, length) && at[length] == '=') return at + length + 1;
    return 0;
}

static size_t number(const char *query, const char *name, size_t otherwise) {
    const char *given = parameter(query, name);
    return given && *given ? strtoull(given, 0, 10) : otherwise;
}

/* The items from `from` to `to`, without the comma behind the last of them. */
static struct bytes items(const struct list *list, size_t from, size_t to) {
    struct bytes part = {list->text.at + list->starts[from], 0};
    if (to > from) part.length = list->starts[to] - list->starts[from] - 1;
    return part;
}

/* The repository that an id names by its last part, which is its place in the list. */
static struct bytes one(const struct list *list, const char *id) {
    char part[17] = "";
    size_t length = strcspn(id, "& ?");
    if (length >= 16) memcpy(part, id + length - 16, 16);
    size_t place = strtoull(part, 0, 16);
    return place < list->count ? items(list, place, place + 1) : (struct bytes){"", 0};
}

struct answer { struct iovec parts[4]; int count; char tail[128]; };

static void add(struct answer *answer, const char *at, size_t length) {
    answer->parts[answer->count++] = (struct iovec){(void *)at, length};
}

static void page(struct answer *answer, const char *query) {
    size_t from = number(query, "pageToken", 0) + number(query, "skip", 0), size = number(query, "pageSize", 50);
    if (from > v2.count) from = v2.count;
    size_t to = from + (size > 200 ? 200 : size);
    if (to > v2.count) to = v2.count;
    struct bytes part = items(&v2, from, to);
    char token[24] = "";
    if (to < v2.count) snprintf(token, sizeof token, "%zu", to);
    add(answer, "{\"repos\":[", 10);
    add(answer, part.at, part.length);
    add(answer, answer->tail, snprintf(answer->tail, sizeof answer->tail,
        "],\"nextPageToken\":\"%s\",\"totalCount\":%zu}", token, v2.count));
}

/* Any name is a package, of one version. */
static void package(struct answer *answer, const char *name) {
    add(answer, "{\"items\":[{\"version\":\"1.0-r0\",\"architecture\":\"x86_64\",\"packageName\":\"", 62);
    answer->parts[answer->count - 1].iov_len = strlen(answer->parts[answer->count - 1].iov_base);
    add(answer, name ? name : "", name ? strcspn(name, "& ") : 0);
    add(answer, "\"}]}", 4);
}

static int begins(const char *path, const char *with) { return !strncmp(path, with, strlen(with)); }

static int read_answer(struct answer *answer, const char *path, const char *query) {
    const char *id = parameter(query, "id");
    struct bytes found;
    if (begins(path, "/registry/v2/repos/")) { found = one(&v2, path + 19); add(answer, found.at, found.length); }
    else if (begins(path, "/registry/v2/repos")) page(answer, query);
    else if (begins(path, "/registry/v1/repos") && id) {
        found = one(&v1, id);
        add(answer, "{\"items\":[", 10); add(answer, found.at, found.length); add(answer, "]}", 2);
    }
    else if (begins(path, "/registry/v1/repos")) add(answer, v1.text.at, v1.text.length);
    else if (begins(path, "/registry/v1/buildreports")) add(answer, reports.at, reports.length);
    else if (begins(path, "/registry/v1/tags")) add(answer, tags.at, tags.length);
    else if (begins(path, "/registry/v1/syncstatuses")) add(answer, "{\"items\":[]}", 12);
    else if (begins(path, "/apk/v1/package-summaries")) add(answer, summaries.at, summaries.length);
    else if (begins(path, "/apk/v1/packages")) package(answer, parameter(query, "packageName"));
    else if (begins(path, "/iam/v1/groups")) add(answer, groups.at, groups.length);
    else return 404;
    return 200;
}

static int send_all(int socket, struct iovec *parts, int count) {
    while (count) {
        ssize_t sent = writev(socket, parts, count);
        if (sent < 0) return -1;
        while (count && (size_t)sent >= parts->iov_len) { sent -= parts->iov_len; parts++; count--; }
        if (count) { parts->iov_base = (char *)parts->iov_base + sent; parts->iov_len -= sent; }
    }
    return 0;
}

static int reply(int socket, char *request, char *body, size_t length) {
    char head[200], date[32], *path = strchr(request, ' ') + 1;
    struct answer answer = {.count = 1};
    path[strcspn(path, " \r\n")] = 0;
    char *query = strchr(path, '?');
    int status = 200;
    if (*request == 'G') status = read_answer(&answer, path, query ? query + 1 : "");
    else add(&answer, body, length);
    size_t total = 0;
    for (int i = 1; i < answer.count; i++) total += answer.parts[i].iov_len;
    time_t now = time(0);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &(struct tm){0}));
    answer.parts[0] = (struct iovec){head, snprintf(head, sizeof head,
        "HTTP/1.1 %d -\r\ncontent-type: application/json\r\ndate: %s\r\ncontent-length: %zu\r\n\r\n", status, date, total)};
    if (delay_ms) nanosleep(&(struct timespec){delay_ms / 1000, delay_ms % 1000 * 1000000}, 0);
    return send_all(socket, answer.parts, answer.count);
}

static void *serve(void *given) {
    int socket = (int)(intptr_t)given;
    size_t room = 1 << 16, have = 0;
    char *buffer = malloc(room);
    for (;;) {
        buffer[have] = 0;
        char *end = strstr(buffer, "\r\n\r\n"), *told = end ? strcasestr(buffer, "\r\ncontent-length:") : 0;
        size_t head = end ? end - buffer + 4 : 0, body = told && told < end ? strtoull(told + 17, 0, 10) : 0;
        if (!end || have < head + body) {
            if (have + 1 >= room) buffer = realloc(buffer, room *= 2);
            ssize_t got = read(socket, buffer + have, room - have - 1);
            if (got <= 0) break;
            have += got;
            continue;
        }
        if (reply(socket, buffer, buffer + head, body) < 0) break;
        memmove(buffer, buffer + head + body, have -= head + body);
    }
    close(socket);
    free(buffer);
    return 0;
}

static void *watch(void *unused) {
    char byte;
    while (read(0, &byte, 1) > 0) {}
    exit(0);
    return unused;
}

int main(int count, char **words) {
    if (count != 3) return 64;
    v1 = load_list(words[1], "v1"); v2 = load_list(words[1], "v2");
    groups = load(words[1], "groups.json"); reports = load(words[1], "reports.json"); tags = load(words[1], "tags.json");
    summaries = load(words[1], "summaries.json");
    delay_ms = atol(words[2]);
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int door = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (bind(door, (void *)&address, size) || listen(door, 1024) || getsockname(door, (void *)&address, &size)) return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&small, 1 << 18);
    pthread_create(&thread, &small, watch, 0);
    for (;;) {
        int socket = accept(door, 0, 0);
        if (socket < 0) continue;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (pthread_create(&thread, &small, serve, (void *)(intptr_t)socket)) close(socket);
    }
}
