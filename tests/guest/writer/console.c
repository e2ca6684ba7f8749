#include "console.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "content.h"

enum { LINE = 512, CHECKSUM = 11 }; /* blank, eight digits, newline, end */

static uint64_t number;
static uint64_t of_epoch;

void console_begin(uint64_t epoch)
{
    of_epoch = epoch;
    number = 0;
}

static void put(const char *text, uint64_t length)
{
    while (length > 0) {
        ssize_t done = write(STDOUT_FILENO, text, length);
        if (done <= 0)
            return;
        text += done;
        length -= (uint64_t)done;
    }
}

void say(char kind, const char *format, ...)
{
    char line[LINE + CHECKSUM];
    va_list arguments;
    int length, more;

    length = snprintf(line, LINE, "D1 %08" PRIx64 " %" PRIu64 " %c ", of_epoch >> 32, number++,
                      kind);
    va_start(arguments, format);
    more = vsnprintf(line + length, (size_t)(LINE - length), format, arguments);
    va_end(arguments);
    length += more < LINE - length ? more : LINE - length - 1;
    length += snprintf(line + length, CHECKSUM, " %08" PRIx32 "\n", crc32_of(line, (uint64_t)length));
    put(line, (uint64_t)length);
}
