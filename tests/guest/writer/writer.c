/* The only load of the guest: one request at a time, for ever, over the whole disk.
 *
 * A number is acknowledged on the console only after it and all before it were answered and then
 * flushed, so it may be demanded of the disk whatever happens next. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "console.h"
#include "content.h"
#include "disk.h"
#include "model.h"
#include "operations.h"
#include "power.h"
#include "settings.h"

enum { VERSION = 1, BLOCK = 4096, LOOK_BACK = 48 };
enum { ACK_MS = 100, SECOND_MS = 1000, HEADER_MS = 10000, IDLE_US = 100000 };
enum { TOLD_PER_READ = 4, TOLD_IN_ALL = 1000 };

struct writer {
    struct settings settings;
    struct disk disk;
    struct content content;
    struct model model;
    struct work work;
    char found[48];
    uint64_t done, acked; /* numbers of operations */
    uint64_t errors, failures;
    uint64_t ack_ms, second_ms, header_ms;
    uint64_t ops_in_second, longest_us;
    uint64_t writes_in_second, writing_us;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return now_us() / 1000;
}

static void say_header(struct writer *writer)
{
    say('H',
        "version=%d epoch=%016" PRIx64 " key=%016" PRIx64 " sectors=%" PRIu64
        " block=%d fill=%" PRIu64 " fill_sectors=%" PRIu64 " fill_ops=%" PRIu64
        " largest=%" PRIu64 " window=%" PRIu64 " pause_us=%" PRIu64 " found=%s rtc=%" PRIu64
        " granule=%" PRIu64,
        VERSION, writer->content.epoch, writer->work.key, writer->work.sectors, BLOCK,
        writer->settings.fill, writer->work.fill_sectors, writer->work.fill_ops,
        writer->work.largest, writer->settings.window, writer->settings.pause_us, writer->found,
        (uint64_t)time(NULL), writer->work.granule);
    writer->header_ms = now_ms();
}

static void say_second(struct writer *writer)
{
    writer->second_ms = now_ms();
    say('L', "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, writer->second_ms,
        writer->ops_in_second, writer->longest_us, writer->writes_in_second, writer->writing_us);
    writer->ops_in_second = writer->writes_in_second = 0;
    writer->longest_us = writer->writing_us = 0;
}

/* One request, timed. */
static int timed(struct writer *writer, struct operation operation)
{
    uint64_t start = now_us(), took;
    int result = disk_do(&writer->disk, operation);

    took = now_us() - start;
    if (took > writer->longest_us)
        writer->longest_us = took;
    if (operation.kind == WRITE || operation.kind == DURABLE_WRITE) {
        writer->writes_in_second++;
        writer->writing_us += took;
    }
    return result;
}

static void acknowledge(struct writer *writer)
{
    int result = timed(writer, (struct operation){FLUSH, 0, 0});

    writer->ack_ms = now_ms();
    if (result != 0) {
        writer->failures++;
        say('X', "%" PRIu64 " %" PRIu64 " F %d", writer->acked + 1, writer->done, result);
    }
    writer->acked = writer->done;
    say('A', "%" PRIu64 " %" PRIu64 " %" PRIu64, writer->acked, writer->errors, writer->failures);
}

static void tell_mismatch(uint64_t number, const struct mismatch *wrong)
{
    char expected[64];

    model_describe(wrong->expected, expected, sizeof expected);
    say('E',
        "op=%" PRIu64 " sector=%" PRIu64 " expected=%s found=%s epoch=%016" PRIx64
        " operation=%" PRIu64 " belongs=%" PRIu64,
        number, wrong->sector, expected,
        wrong->found.zero ? "zero" : wrong->found.whole ? "data" : "unknown",
        wrong->found.epoch, wrong->found.operation, wrong->found.sector);
}

static void compare(struct writer *writer, struct operation operation, uint64_t number)
{
    struct mismatch told[TOLD_PER_READ];
    uint64_t wrong = model_check(&writer->model, writer->disk.buffer, operation.sector,
                                 operation.count, told, TOLD_PER_READ);

    for (uint64_t i = 0; i < wrong && i < TOLD_PER_READ; i++)
        if (writer->errors + i < TOLD_IN_ALL)
            tell_mismatch(number, &told[i]);
    writer->errors += wrong;
}

/* Most reads look at the place of a recent operation and at its two neighbours. */
static struct operation what_to_read(const struct writer *writer, struct operation operation,
                                     uint64_t number)
{
    uint64_t back = 1 + hash(writer->work.key, number, 4) % LOOK_BACK;
    struct operation target;

    if (number <= writer->work.fill_ops + back)
        return operation;
    target = operation_of(&writer->work, number - back);
    if (target.kind == READ || target.kind == FLUSH)
        return operation;
    if (target.sector > 0) {
        target.sector--;
        target.count++;
    }
    if (target.sector + target.count < writer->work.sectors)
        target.count++;
    target.kind = READ;
    return whole(target, writer->work.granule);
}

static void compose(const struct writer *writer, struct operation operation, uint64_t number)
{
    for (uint64_t i = 0; i < operation.count; i++)
        content_write(&writer->content, writer->disk.buffer + i * SECTOR, number,
                      operation.sector + i);
}

static void failed(struct writer *writer, struct operation operation, uint64_t number, int error)
{
    if (operation.kind == TRIM && error == EOPNOTSUPP)
        return;
    writer->failures++;
    say('X', "%" PRIu64 " %" PRIu64 " %c %d", number, number, operation.kind, error);
    if (operation.kind != READ && operation.kind != FLUSH)
        model_forget(&writer->model, operation);
}

/* A new disk is mostly sparse, and the fill leaves it so: zeroes are written only over data. */
static int zero_unless_zero(struct writer *writer, struct operation operation)
{
    uint64_t end = operation.sector + operation.count;

    for (uint64_t sector = operation.sector; sector < end; sector += LARGEST_WRITE) {
        uint64_t count = end - sector < LARGEST_WRITE ? end - sector : LARGEST_WRITE;
        int result = timed(writer, (struct operation){READ, sector, count});
        if (result != 0)
            return result;
        if (!all_zero(writer->disk.buffer, count * SECTOR))
            return timed(writer, (struct operation){ZERO, sector, end - sector});
    }
    return 0;
}

static int perform(struct writer *writer, struct operation operation, uint64_t number)
{
    if (operation.kind == WRITE || operation.kind == DURABLE_WRITE)
        compose(writer, operation, number);
    if (operation.kind == ZERO && number <= writer->work.fill_ops)
        return zero_unless_zero(writer, operation);
    return timed(writer, operation);
}

static void step(struct writer *writer, uint64_t number)
{
    struct operation operation = operation_of(&writer->work, number);
    int result;

    if (operation.kind == READ)
        operation = what_to_read(writer, operation, number);
    result = perform(writer, operation, number);
    writer->done = number;
    writer->ops_in_second++;
    if (result != 0) {
        failed(writer, operation, number, result);
        return;
    }
    model_apply(&writer->model, operation, number);
    if (operation.kind == READ)
        compare(writer, operation, number);
}

static void keep_time(struct writer *writer)
{
    uint64_t now = now_ms();
    uint64_t waiting = writer->done - writer->acked;

    if (waiting >= writer->settings.window || (waiting > 0 && now >= writer->ack_ms + ACK_MS))
        acknowledge(writer);
    if (now >= writer->second_ms + SECOND_MS)
        say_second(writer);
    if (now >= writer->header_ms + HEADER_MS)
        say_header(writer);
}

/* Boots are to differ, not to be secret: a machine without a source of randomness would first
 * have to gather some, which takes an emulated processor more than a second. */
static uint64_t new_epoch(void)
{
    uint64_t random = 0;
    struct timespec now;

    if (getrandom(&random, sizeof random, GRND_INSECURE) != (ssize_t)sizeof random)
        perror("getrandom");
    clock_gettime(CLOCK_REALTIME, &now);
    return mix(random ^ mix((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec));
}

/* Tells a disk of ours from an empty one by sector 0. */
static bool look_for_superblock(struct writer *writer)
{
    struct content theirs;
    struct stamp stamp;
    int result = disk_do(&writer->disk, (struct operation){READ, 0, writer->work.granule});

    if (result != 0) {
        fprintf(stderr, "cannot read sector 0: %s\n", strerror(result));
        exit(1);
    }
    stamp = content_read(&writer->content, writer->disk.buffer);
    content_init(&theirs, stamp.epoch);
    stamp = content_read(&theirs, writer->disk.buffer);
    if (stamp.whole && stamp.sector == 0) {
        snprintf(writer->found, sizeof writer->found, "%016" PRIx64 ":%" PRIu64, stamp.epoch,
                 stamp.operation);
        return true;
    }
    snprintf(writer->found, sizeof writer->found, "%s", stamp.zero ? "zero" : "unknown");
    return false;
}

static void plan(struct writer *writer)
{
    const struct settings *settings = &writer->settings;
    struct work *work = &writer->work;

    work->sectors = settings->list ? settings->sectors : writer->disk.sectors;
    work->key = settings->seed ? mix(settings->seed) : writer->content.epoch;
    work->largest = settings->largest / SECTOR;
    work->fill_sectors = (work->sectors - 1) * settings->fill / 100;
    work->granule = settings->granule;
    if (!settings->list && writer->disk.granule > work->granule)
        work->granule = writer->disk.granule;
}

static int list(struct writer *writer)
{
    writer->work.fill_ops = fill_operations(writer->work.sectors, writer->work.fill_sectors);
    for (uint64_t number = 1; number <= writer->settings.list; number++) {
        struct operation operation = operation_of(&writer->work, number);
        printf("%c %" PRIu64 " %" PRIu64 "\n", operation.kind, operation.sector,
               operation.count);
    }
    return 0;
}

static void begin(struct writer *writer)
{
    writer->work.fill_ops = 0;
    if (!look_for_superblock(writer))
        writer->work.fill_ops =
            fill_operations(writer->work.sectors, writer->work.fill_sectors);
    model_init(&writer->model, &writer->content, writer->work.sectors);
    console_begin(writer->content.epoch);
    say_header(writer);
    writer->ack_ms = writer->second_ms = now_ms();
}

static void work(struct writer *writer)
{
    uint64_t last = writer->settings.ops ? writer->settings.ops : UINT64_MAX;
    uint64_t prologue = writer->work.fill_ops + 1;
    bool stop = false;

    while (!stop && (writer->done < last || writer->disk.device)) {
        bool idle = writer->done >= last;
        if (!idle)
            step(writer, writer->done + 1);
        keep_time(writer);
        if (writer->done == prologue && writer->acked < prologue)
            acknowledge(writer);
        stop = power_rest(idle ? IDLE_US
                               : writer->done < prologue ? 0 : writer->settings.pause_us);
    }
    acknowledge(writer);
    say_second(writer);
    say('P', "%s", stop ? "asked" : "finished");
}

int main(int count, char **arguments)
{
    static struct writer writer;

    writer.settings = settings_read(count, arguments);
    content_init(&writer.content,
                 writer.settings.epoch ? writer.settings.epoch : new_epoch());
    if (writer.settings.list) {
        plan(&writer);
        return list(&writer);
    }
    power_watch();
    if (!disk_open(&writer.disk, writer.settings.path[0] ? writer.settings.path : NULL)) {
        fprintf(stderr, "no disk\n");
        return 1;
    }
    plan(&writer);
    begin(&writer);
    work(&writer);
    return 0;
}
