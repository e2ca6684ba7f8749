#include "settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PREFIX[] = "detour.";

static const struct {
    const char *name;
    size_t offset;
} NUMBERS[] = {
    {"fill", offsetof(struct settings, fill)},
    {"seed", offsetof(struct settings, seed)},
    {"epoch", offsetof(struct settings, epoch)},
    {"pause_us", offsetof(struct settings, pause_us)},
    {"window", offsetof(struct settings, window)},
    {"largest", offsetof(struct settings, largest)},
    {"ops", offsetof(struct settings, ops)},
    {"list", offsetof(struct settings, list)},
    {"sectors", offsetof(struct settings, sectors)},
    {"granule", offsetof(struct settings, granule)},
};

static void set(struct settings *settings, const char *word)
{
    const char *value = strchr(word, '=');
    size_t length;

    if (value++ == NULL)
        return;
    length = (size_t)(value - word) - 1;
    if (length == 4 && strncmp(word, "disk", 4) == 0)
        snprintf(settings->path, sizeof settings->path, "%s", value);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++)
        if (strlen(NUMBERS[i].name) == length && strncmp(word, NUMBERS[i].name, length) == 0)
            *(uint64_t *)((char *)settings + NUMBERS[i].offset) = strtoull(value, NULL, 0);
}

static void read_command_line(struct settings *settings)
{
    static char text[4096];
    FILE *file = fopen("/proc/cmdline", "r");

    if (file == NULL)
        return;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n"))
        if (strncmp(word, PREFIX, sizeof PREFIX - 1) == 0)
            set(settings, word + sizeof PREFIX - 1);
}

struct settings settings_read(int count, char **arguments)
{
    struct settings settings = {
        .fill = 50, .pause_us = 2000, .window = 16, .largest = 262144, .granule = 1};

    if (count == 1)
        read_command_line(&settings);
    for (int i = 1; i < count; i++)
        set(&settings, arguments[i]);
    if (settings.fill > 100)
        settings.fill = 100;
    if (settings.window < 1)
        settings.window = 1;
    if (settings.granule < 1)
        settings.granule = 1;
    if (settings.largest < 512)
        settings.largest = 512;
    return settings;
}
