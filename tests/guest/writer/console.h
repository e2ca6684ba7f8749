/* Lines on the console that survive kernel messages among them: numbered, with a checksum.
 *
 *     D1 EPOCH8 NUMBER KIND FIELDS... CHECKSUM
 *
 * EPOCH8 are the upper 32 bits of the epoch, CHECKSUM is the CRC-32 of all before its blank. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

void console_begin(uint64_t epoch);
void say(char kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
