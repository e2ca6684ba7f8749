/* What the kernel's command line, or the tests' argument list, asks for. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdint.h>

struct settings {
    char path[256];    /* disk=   the disk or file; default: the first disk that appears */
    uint64_t fill;     /* fill=   percent of an empty disk filled with data; default 50 */
    uint64_t seed;     /* seed=   decides the operations; 0, the default: the epoch does */
    uint64_t epoch;    /* epoch=  0, the default: a new one at every boot */
    uint64_t pause_us; /* pause_us= rest after each operation; default 2000 */
    uint64_t window;   /* window= the most operations without a line that they are durable; 16 */
    uint64_t largest;  /* largest= bytes of the largest random operation; default 262144 */
    uint64_t ops;      /* ops=    numbers to go up to, then only rest; 0, the default: no end */
    uint64_t list;     /* list=   print so many operations and stop: compared with the verifier */
    uint64_t sectors;  /* sectors= size of the disk when listing */
    uint64_t granule;  /* granule= sectors written at once at least; 1, a disk may have more */
};

/* Arguments are `name=value`; without any, words `detour.name=value` of /proc/cmdline count. */
struct settings settings_read(int count, char **arguments);

#endif
