/* The request to stop: the power button in a guest, SIGTERM on a host. */
#ifndef POWER_H
#define POWER_H

#include <stdbool.h>
#include <stdint.h>

void power_watch(void);

/* Waits up to `microseconds`; true once a stop was asked for. */
bool power_rest(uint64_t microseconds);

#endif
