#define _GNU_SOURCE
#include "power.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { BUTTONS = 16 };

static struct pollfd buttons[BUTTONS];
static nfds_t count;
static volatile sig_atomic_t asked;

static void on_signal(int signal)
{
    (void)signal;
    asked = 1;
}

void power_watch(void)
{
    glob_t found;

    signal(SIGTERM, on_signal);
    if (glob("/dev/input/event*", 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc && count < BUTTONS; i++) {
        int fd = open(found.gl_pathv[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            buttons[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    globfree(&found);
}

static void read_button(int fd)
{
    struct input_event event;

    while (read(fd, &event, sizeof event) == (ssize_t)sizeof event)
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
            asked = 1;
}

bool power_rest(uint64_t microseconds)
{
    struct timespec rest = {(time_t)(microseconds / 1000000),
                            (long)(microseconds % 1000000) * 1000};

    if (ppoll(buttons, count, &rest, NULL) > 0)
        for (nfds_t i = 0; i < count; i++)
            if (buttons[i].revents & POLLIN)
                read_button(buttons[i].fd);
    return asked;
}
