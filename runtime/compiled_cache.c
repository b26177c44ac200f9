#include "runtime/compiled_cache.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "compiler/base/allocate.h"
#include "compiler/emit/backend.h"
#include "runtime/backend/cache.h"
#include "runtime/compiled_record.h"

enum { MOST_RECORD_BYTES = 1 << 28 };
static const int64_t most_kept_bytes = INT64_C(4) << 30;
static const char record_ending[] = ".program", weights_ending[] = ".weights";

/* ---- The key ---- */

/* The note of a linked file that tells it from any other, and how long it is. */
struct build_id {
    uintptr_t within; /* an address of the linked file */
    const char *bytes;
    size_t count;
};

static size_t padded(size_t bytes) {
    return (bytes + 3) / 4 * 4;
}

static void find_in_notes(struct build_id *id, const char *notes, size_t left) {
    ElfW(Nhdr) note;
    while (left >= sizeof note) {
        memcpy(&note, notes, sizeof note);
        size_t name = padded(note.n_namesz), bytes = sizeof note + name + padded(note.n_descsz);
        if (bytes > left)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp(notes + sizeof note, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
            id->bytes = notes + sizeof note + name;
            id->count = note.n_descsz;
        }
        notes += bytes;
        left -= bytes;
    }
}

static int look_at_linked(struct dl_phdr_info *info, size_t size, void *context) {
    struct build_id *id = context;
    bool ours = false;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        ours = ours || (segment->p_type == PT_LOAD && id->within - begin < segment->p_memsz);
    }
    for (int i = 0; ours && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE)
            find_in_notes(id, (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                          info->dlpi_phdr[i].p_memsz);
    return ours;
}

/* Another build may compile otherwise: what tells it apart is part of the key. False: nothing
 * does. */
static bool add_build(struct digest_stream *stream) {
    struct build_id id = {.within = (uintptr_t)record_ending};
    dl_iterate_phdr(look_at_linked, &id);
    digest_add(stream, id.bytes, id.count);
    return id.count > 0;
}

static void add_tuning(struct digest_stream *stream, const struct tuning *tuning) {
    cache_add_word(stream, tuning->target);
    for (int i = 0; i < tuning->count; i++) {
        cache_add_word(stream, tuning->choices[i].contraction);
        cache_add_word(stream, tuning->choices[i].tile);
        cache_add_word(stream, tuning->choices[i].blocking ? tuning->choices[i].blocking : "");
    }
}

static bool make_key(const struct compile_options *options, struct digest_hex *key) {
    const int64_t numbers[] = {
        options->threads,        options->pool,         options->least_cycles,
        options->stop_every,     options->portable,     options->versions,
        options->tuning != NULL, options->weights_form, options->static_arena};
    struct digest_stream stream;
    digest_begin(&stream);
    cache_add_word(&stream, "eigentensor compiled 1");
    if (!add_build(&stream))
        return false;
    cache_add_word(&stream, options->digest);
    cache_add_word(&stream, options->backend ? options->backend->name : "");
    cache_add_word(&stream, options->target ? options->target->name : "");
    cache_add_word(&stream, options->prefix ? options->prefix : "");
    cache_add_word(&stream, options->section ? options->section : "");
    digest_add(&stream, numbers, sizeof numbers);
    if (options->tuning)
        add_tuning(&stream, options->tuning);
    struct digest digest = digest_end(&stream);
    *key = digest_hex(&digest);
    return true;
}

/* ---- Files ---- */

/* Where things lie, in the arena. */
struct kept_place {
    struct arena arena;
    const char *folder, *record, *weights;
};

static bool find_place(struct kept_place *place, const struct compile_options *options) {
    struct digest_hex key;
    struct text folder = text_in(&place->arena);
    if (!options->digest || !make_key(options, &key) || !cache_folder(&folder, true))
        return false;
    place->folder = text_read(&folder, NULL);
    if (!place->folder)
        return false;
    place->record = arena_format(&place->arena, "%s/%.16s-%.32s%s", place->folder, options->digest,
                                 key.text, record_ending);
    place->weights = arena_format(&place->arena, "%s/%.16s-%.32s%s", place->folder, options->digest,
                                  key.text, weights_ending);
    return place->record && place->weights;
}

/* What tells that a file of weights is the one that was written: as long as the system runs, it has
 * the bytes that were written into it. Afterwards, or where it is another, its SHA-256 tells. */
struct weights_facts {
    char boot[64];
    int64_t device, inode, seconds, nanoseconds;
    struct digest digest;
};

static void read_boot(char boot[64]) {
    size_t count;
    memset(boot, 0, 64);
    if (!read_beginning("/proc/sys/kernel/random/boot_id", boot, 63, &count, NULL))
        memset(boot, 0, 64);
}

static struct weights_facts facts_of(const struct mapped_file *file) {
    struct weights_facts facts = {.device = (int64_t)file->device,
                                  .inode = (int64_t)file->inode,
                                  .seconds = file->modified.tv_sec,
                                  .nanoseconds = file->modified.tv_nsec};
    read_boot(facts.boot);
    return facts;
}

static bool same_file(const struct weights_facts *a, const struct weights_facts *b) {
    return *a->boot && memcmp(a->boot, b->boot, sizeof a->boot) == 0 && a->device == b->device &&
           a->inode == b->inode && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/* ---- Loading ---- */

static bool write_record(const struct kept_place *place, const struct weights_facts *facts,
                         const char *record, size_t count) {
    struct text text = {0};
    text_add_bytes(&text, (const char *)facts, sizeof *facts);
    text_add_bytes(&text, record, count);
    const char *bytes = text_read(&text, NULL);
    bool good = bytes && cache_write(place->record, bytes, text.length);
    text_free(&text);
    return good;
}

/* Maps the weights that the record is about. `whole`: the SHA-256 told, not the facts. */
static bool map_weights(const struct kept_place *place, struct compiled *compiled,
                        const struct weights_facts *kept, struct weights_facts *found,
                        bool *whole) {
    struct mapped_file *file = &compiled->mapped;
    *whole = false;
    if (compiled->weights_bytes == 0)
        return (compiled->weights = et_allocate_unset(0)) != NULL;
    if (!cache_file_is_ours(place->weights) ||
        !map_file(place->weights, compiled->weights_bytes, file, NULL))
        return false;
    *found = facts_of(file);
    found->digest = kept->digest;
    if (file->count != compiled->weights_bytes)
        return false;
    compiled->weights = file->bytes;
    if (same_file(kept, found))
        return true;
    struct digest digest = digest_bytes(file->bytes, file->count);
    *whole = digest_equal(&digest, &kept->digest);
    return *whole;
}

static struct compiled *load_record(const struct kept_place *place, const char *bytes,
                                    size_t count) {
    struct weights_facts kept, found;
    bool whole;
    if (count < sizeof kept)
        return NULL;
    memcpy(&kept, bytes, sizeof kept);
    bytes += sizeof kept;
    count -= sizeof kept;
    struct compiled *compiled = compiled_record_read(bytes, count);
    if (!compiled)
        return NULL;
    if (!map_weights(place, compiled, &kept, &found, &whole)) {
        compiled_free(compiled);
        return NULL;
    }
    if (whole)
        write_record(place, &found, bytes, count); /* so that the next need not look */
    cache_touch(place->record);
    return compiled;
}

static struct compiled *load(const struct kept_place *place) {
    char *bytes;
    size_t count;
    if (!cache_read(place->record, MOST_RECORD_BYTES, &bytes, &count))
        return NULL;
    struct compiled *compiled = load_record(place, bytes, count);
    et_release(bytes);
    return compiled;
}

/* ---- Keeping ---- */

static int64_t room(const struct kept_place *place) {
    struct statvfs facts;
    if (statvfs(place->folder, &facts) != 0)
        return 0;
    double quarter = (double)facts.f_bavail * (double)facts.f_frsize / 4;
    return quarter < (double)most_kept_bytes ? (int64_t)quarter : most_kept_bytes;
}

/* Gives the file its name, and says what it is. */
static bool keep_weights(const struct kept_place *place, const struct compiled *compiled,
                         struct weights_facts *facts) {
    struct text text = {0};
    struct mapped_file file = {0};
    *facts = (struct weights_facts){0};
    if (compiled->weights_bytes == 0)
        return true;
    const char *part = begin_part(place->weights, &text, NULL) ? text_read(&text, NULL) : NULL;
    bool good = part && cache_write_part(part, compiled->weights, compiled->weights_bytes, NULL) &&
                map_file(part, SIZE_MAX, &file, NULL);
    *facts = facts_of(&file);
    facts->digest = digest_bytes(compiled->weights, compiled->weights_bytes);
    unmap_file(&file);
    good = good && rename(part, place->weights) == 0;
    if (part && !good)
        unlink(part);
    text_free(&text);
    return good;
}

static bool keep(const struct kept_place *place, const struct compiled *compiled) {
    struct weights_facts facts;
    struct text record = {0};
    int64_t most = room(place);
    compiled_record_write(compiled, &record);
    const char *bytes = text_read(&record, NULL);
    bool good = bytes && compiled->weights_bytes + record.length < (uint64_t)most &&
                record.length < MOST_RECORD_BYTES / 2 && keep_weights(place, compiled, &facts) &&
                write_record(place, &facts, bytes, record.length);
    text_free(&record);
    if (good)
        cache_trim(place->folder, record_ending, weights_ending, most);
    return good;
}

/* Whether a compile within these limits, of however many seconds, could have made it. */
static bool keeps_within(const struct compiled *compiled, const struct compile_limits *limits) {
    const struct budget budget = budget_begin(limits);
    return compiled->nodes <= budget.most[LIMIT_NODES] &&
           compiled->bytes <= budget.most[LIMIT_BYTES];
}

static struct compiled *load_within(const struct kept_place *place,
                                    const struct compile_limits *limits) {
    struct compiled *compiled = load(place);
    if (compiled && !keeps_within(compiled, limits)) {
        compiled_free(compiled);
        return NULL;
    }
    return compiled;
}

/* ---- One at a time ---- */

enum { WAITS_OF_A_SECOND = 100, MOST_SECONDS = 60 };

/* Processes that begin at once wait for the first to compile, so that all map the weights that it
 * writes: each key is a byte of one file that they lock. Gives that file, or -1: it is done
 * without, as when the first takes longer than this compile may, or a minute. */
static int lock_key(const struct kept_place *place, const struct compile_limits *limits) {
    struct text path = {0};
    const struct timespec wait = {.tv_nsec = 1000000000 / WAITS_OF_A_SECOND};
    const double asked = limits->most[LIMIT_SECONDS]; /* 0: as usual */
    const double seconds = asked > 0 && asked < MOST_SECONDS ? asked : MOST_SECONDS;
    const int most_waits = (int)(seconds * WAITS_OF_A_SECOND);
    text_add(&path, "%s/lock", place->folder);
    const char *name = text_read(&path, NULL);
    int file = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    text_free(&path);
    struct digest digest = digest_bytes(place->record, strlen(place->record));
    struct flock key = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    for (int i = 0; i < 7; i++)
        key.l_start = key.l_start << 8 | digest.bytes[i];
    for (int i = 0; file >= 0 && fcntl(file, F_OFD_SETLK, &key) != 0; i++) {
        if (i == most_waits || (errno != EAGAIN && errno != EACCES && errno != EINTR)) {
            close(file);
            return -1;
        }
        nanosleep(&wait, NULL);
    }
    return file;
}

/* What another process kept meanwhile, or else what is compiled now, its weights mapped as those
 * that come later map them, if it can be kept. */
static struct compiled *compile_once(const struct kept_place *place, const struct graph *graph,
                                     const struct compile_options *options,
                                     struct et_error *error) {
    int lock = lock_key(place, &options->limits);
    struct compiled *compiled = load_within(place, &options->limits);
    if (!compiled) {
        compiled = compile(graph, options, error);
        struct compiled *kept =
            compiled && keep(place, compiled) ? load_within(place, &options->limits) : NULL;
        if (kept) {
            compiled_free(compiled);
            compiled = kept;
        }
    }
    if (lock >= 0)
        close(lock); /* which lets go of it */
    return compiled;
}

struct compiled *compiled_cache_compile(const struct graph *graph,
                                        const struct compile_options *options,
                                        struct et_error *error) {
    struct kept_place place = {0};
    bool plain = !options->dump && !options->list_candidates && !options->profile &&
                 !options->verify && !options->command;
    bool usable = plain && find_place(&place, options);
    struct compiled *compiled = usable ? load_within(&place, &options->limits) : NULL;
    if (!compiled)
        compiled =
            usable ? compile_once(&place, graph, options, error) : compile(graph, options, error);
    arena_free(&place.arena);
    return compiled;
}
