#include "server/folder.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/base/json_read.h"

enum {
    STILL_MILLISECONDS = 250, /* how long a file must be as it is */
    LOOK_MILLISECONDS = 2000, /* how often is looked where nothing tells of changes */
    MOST_FILES = 256,         /* models in a folder, served or not */
    NAME_BYTES = 256,
    LINE_BYTES = 256, /* of a .conf */
};

/* A model in the folder. */
struct folder_model {
    char name[NAME_BYTES];
    char *path;          /* of its file; NULL where it is gone */
    char *conf;          /* of its limits; NULL: there is none */
    uint64_t print;      /* of its files, as they are */
    uint64_t before;     /* as they were at the look before */
    uint64_t tried;      /* as they were when it was last opened; 0: never */
    int missed;          /* looks that did not find it */
    bool is_found;       /* by the look that goes on */
    bool may_pass;       /* what it failed of: it is tried again when a model leaves its place */
    unsigned long freed; /* places, before it was tried */
    bool is_served;
    struct et_error reason;
};

struct folder {
    struct models *models;
    char *path;
    pthread_t thread;
    int inotify, wake; /* inotify: -1 where the system has none left */
    bool has_thread;
    bool is_too_full; /* by the last look: what is new beyond MOST_FILES is left out */
    bool has_said;    /* what is wrong with the folder itself, since a look found it well */
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows; held while models are compiled */
    pthread_mutex_t list; /* and of what folder_visit tells of it; held for moments only */
    int count;
    struct folder_model *items[MOST_FILES];
};

/* ---- Names ---- */

bool model_name_check(const char *name, struct et_error *error) {
    size_t length = strlen(name);
    if (!length || length >= NAME_BYTES)
        return et_fail(error, "the name of a model has 1 to %d bytes", NAME_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return et_fail(error, "the name of a model has a control character");
    return json_check_name("the name of a model", name, error);
}

/* How long the name before ".json" or ".onnx" is; 0: it ends otherwise, or is hidden. */
static size_t stem_of(const char *file) {
    size_t length = strlen(file);
    bool known = length > 5 && (strcmp(file + length - 5, ".json") == 0 ||
                                strcmp(file + length - 5, ".onnx") == 0);
    return known && *file != '.' ? length - 5 : 0;
}

static char *joined(const char *folder, const char *name, const char *ending) {
    size_t count = strlen(folder) + strlen(name) + strlen(ending) + 2;
    char *path = et_allocate(count, 1);
    if (path)
        snprintf(path, count, "%s/%s%s", folder, name, ending);
    return path;
}

static bool is_folder(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* A stored graph goes before the ONNX model that it was imported from. */
static bool is_better(const char *file, const char *before) {
    size_t stem = stem_of(file);
    return !before || (stem && strcmp(file + stem, ".json") == 0);
}

/* The one model of a folder; NULL and an error: there is none, or several. The caller frees it. */
static char *model_in(const char *folder, struct et_error *error) {
    DIR *files = opendir(folder);
    char *best = NULL;
    bool several = false;
    for (struct dirent *file; files && (file = readdir(files));) {
        size_t stem = stem_of(file->d_name);
        if (!stem)
            continue;
        several |= best && (strncmp(best, file->d_name, stem) != 0 || best[stem] != '.' ||
                            strlen(best) != stem + 5);
        if (is_better(file->d_name, best)) {
            et_release(best);
            best = joined(".", file->d_name, "");
            if (!best)
                break;
            memmove(best, best + 2, strlen(best) - 1);
        }
    }
    if (files)
        closedir(files);
    char *path = best && !several ? joined(folder, best, "") : NULL;
    if (!files)
        et_fail(error, "%s: %s", folder, strerror(errno));
    else if (!path)
        et_fail(error, "%s: expected one .json or .onnx in the folder, found %s", folder,
                several ? "several" : "none");
    et_release(best);
    return path;
}

/* Whether a file "NAME.json" or "NAME.onnx" lies beside a folder NAME: then that is the model. */
static bool has_file(const char *parent, const char *name) {
    static const char *const endings[] = {".json", ".onnx"};
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char *path = joined(parent, name, endings[i]);
        found |= path && access(path, F_OK) == 0;
        et_release(path);
    }
    return found;
}

/* Whether there is any; what else lies in a folder of models is no concern of the server. */
static bool has_models(const char *folder) {
    DIR *files = opendir(folder);
    bool found = false;
    for (struct dirent *file; files && !found && (file = readdir(files));)
        found = stem_of(file->d_name) > 0;
    if (files)
        closedir(files);
    return found;
}

bool model_path_within(const char **path, struct text *text, struct et_error *error) {
    if (!is_folder(*path))
        return true;
    char *inner = model_in(*path, error);
    if (!inner)
        return false;
    text_add(text, "%s", inner);
    et_release(inner);
    return (*path = text_read(text, error)) != NULL;
}

/* ---- Limits ---- */

static bool set_limit(struct model_limits *limits, const char *name, const char *text) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    bool number = end != text && !*end && !errno;
#define MODEL_LIMIT(field, key, least, most)                                                       \
    if (strcmp(name, key) == 0 && number && value >= (least) && value <= (most)) {                 \
        limits->field = value;                                                                     \
        return true;                                                                               \
    }
    MODEL_LIMITS(MODEL_LIMIT)
#undef MODEL_LIMIT
    return false;
}

/* "limit = number", a comment or nothing. */
static bool read_limit(const char *line, struct model_limits *limits) {
    char name[64], value[64], more;
    const char *text = line + strspn(line, " \t\r\n");
    return !*text || *text == '#' ||
           (sscanf(text, "%63[a-z-] = %63s %c", name, value, &more) == 2 &&
            set_limit(limits, name, value));
}

static bool read_limits(const char *path, struct model_limits *limits, struct et_error *error) {
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT || et_fail(error, "%s: %s", path, strerror(errno));
    bool good = true;
    for (int number = 1; good && fgets(line, sizeof line, file); number++)
        if (!strchr(line, '\n') && !feof(file))
            good = et_fail(error, "%s:%d: the line is longer than %d bytes", path, number,
                           LINE_BYTES - 2);
        else
            good = read_limit(line, limits) ||
                   et_fail(error,
                           "%s:%d: expected max-memory, run-timeout or threads, \"=\" and a "
                           "number within its range",
                           path, number);
    if (good && ferror(file))
        good = et_fail(error, "%s: cannot be read", path);
    fclose(file);
    return good;
}

/* ---- Looking ---- */

/* FNV-1a, of which two files would have to agree by chance. */
static void add_bytes(uint64_t *print, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        *print = (*print ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
}

static void add_file(uint64_t *print, const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0)
        return;
    uint64_t numbers[] = {(uint64_t)facts.st_ino, (uint64_t)facts.st_size,
                          (uint64_t)facts.st_mtim.tv_sec, (uint64_t)facts.st_mtim.tv_nsec};
    add_bytes(print, path, strlen(path));
    add_bytes(print, numbers, sizeof numbers);
}

/* What its files are: all of its folder, or those that begin as it is called. Files come in any
 * order, and so are added up. */
static uint64_t print_of(const char *folder, const char *prefix) {
    uint64_t sum = 1;
    DIR *files = opendir(folder);
    for (struct dirent *file; files && (file = readdir(files));) {
        if (*file->d_name == '.' || strncmp(file->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char *path = joined(folder, file->d_name, "");
        uint64_t print = 0xcbf29ce484222325;
        if (path)
            add_file(&print, path);
        sum += print;
        et_release(path);
    }
    if (files)
        closedir(files);
    return sum;
}

static struct folder_model *find(const struct folder *folder, const char *name) {
    for (int i = 0; i < folder->count; i++)
        if (strcmp(folder->items[i]->name, name) == 0)
            return folder->items[i];
    return NULL;
}

/* In order of names, where there is room. NULL: no memory. */
static struct folder_model *add_found(struct folder *folder, const char *name) {
    struct folder_model *found = et_allocate(1, sizeof *found);
    if (!found)
        return NULL;
    snprintf(found->name, sizeof found->name, "%s", name);
    pthread_mutex_lock(&folder->list);
    int place = folder->count++;
    for (; place > 0 && strcmp(folder->items[place - 1]->name, name) > 0; place--)
        folder->items[place] = folder->items[place - 1];
    folder->items[place] = found;
    pthread_mutex_unlock(&folder->list);
    return found;
}

/* A file or folder in it, which may be a model. False: no memory. */
static bool see(struct folder *folder, const char *file) {
    char name[NAME_BYTES], prefix[NAME_BYTES + 1];
    char *path = joined(folder->path, file, "");
    bool is_inner = path && is_folder(path);
    bool is_model = !is_inner || (has_models(path) && !has_file(folder->path, file));
    size_t length = !is_model ? 0 : is_inner ? strlen(file) : stem_of(file);
    if (!path || !length || length >= NAME_BYTES) {
        et_release(path);
        return path != NULL;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, file);
    struct folder_model *found = find(folder, name);
    bool is_left_out = !found && folder->count == MOST_FILES;
    folder->is_too_full |= is_left_out;
    if (!found && !is_left_out)
        found = add_found(folder, name);
    if (!found || (found->is_found && !is_better(file, found->path))) {
        et_release(path);
        return found || is_left_out;
    }
    snprintf(prefix, sizeof prefix, "%s.", name);
    uint64_t print = is_inner ? print_of(path, "") : print_of(folder->path, prefix);
    found->print = print;
    found->is_found = true;
    et_release(found->path);
    et_release(found->conf);
    found->conf = is_inner ? joined(path, "model.conf", "") : joined(folder->path, name, ".conf");
    found->path = path;
    return found->conf != NULL;
}

static void begin_look(struct folder_model *found) {
    found->is_found = false;
    found->before = found->print;
}

/* False: what was found is not all that there is, and cannot be followed. */
static bool look(struct folder *folder, struct et_error *error) {
    DIR *files = opendir(folder->path);
    if (!files)
        return et_fail(error, "%s: %s", folder->path, strerror(errno));
    for (int i = 0; i < folder->count; i++)
        begin_look(folder->items[i]);
    bool good = true;
    folder->is_too_full = false;
    for (struct dirent *file; good && (file = readdir(files));)
        good = *file->d_name == '.' || see(folder, file->d_name);
    closedir(files);
    return good || et_fail(error, "%s: out of memory", folder->path);
}

static bool fail_too_full(const struct folder *folder, struct et_error *error) {
    return et_fail(error, "%s: more than %d models", folder->path, MOST_FILES);
}

/* Looks, and says what is wrong with the folder, once; whether what was found can be followed. */
static bool look_and_say(struct folder *folder) {
    struct et_error error = {0};
    bool good = look(folder, &error);
    if (good && folder->is_too_full)
        fail_too_full(folder, &error);
    if (*error.message && !folder->has_said)
        fprintf(stderr, "eigentensor-server: %s; %s\n", error.message,
                good ? "the others are left out" : "what is served stays");
    folder->has_said = *error.message != 0;
    return good;
}

/* ---- Serving ---- */

static void found_free(struct folder_model *found) {
    et_release(found->path);
    et_release(found->conf);
    et_release(found);
}

/* Opens it as its files are; what was served before stays where that does not go well. */
static bool serve(struct folder *folder, struct folder_model *found) {
    struct model_source source = {
        .path = found->path, .name = found->name, .replaces = found->is_served};
    struct text path = {0};
    struct et_error error = {0};
    found->tried = found->print;
    found->freed = atomic_load(&folder->models->freed);
    struct model *model = NULL;
    bool has_place =
        models_have_place(folder->models, found->name) ||
        et_fail(&error, "more than %d models: unload one, or remove its file", MODELS_MOST);
    if (has_place && model_name_check(found->name, &error) &&
        model_path_within(&source.path, &path, &error) &&
        (!found->conf || read_limits(found->conf, &source.limits, &error)))
        model = models_make(folder->models, &source, &error);
    text_free(&path);
    if (model)
        models_serve(folder->models, model);
    pthread_mutex_lock(&folder->list);
    found->may_pass = !model && (!has_place || strstr(error.message, "out of memory"));
    found->reason = model ? (struct et_error){0} : error;
    found->is_served |= model != NULL;
    pthread_mutex_unlock(&folder->list);
    return model;
}

static void tell(const struct folder_model *found) {
    fprintf(stderr, "eigentensor-server: model \"%s\" is not served%s: %s\n", found->name,
            found->is_served ? " as it is now" : "", found->reason.message);
}

static void forget(struct folder *folder, int place) {
    struct folder_model *found = folder->items[place];
    if (found->is_served)
        models_remove(folder->models, found->name);
    pthread_mutex_lock(&folder->list);
    folder->count--;
    memmove(folder->items + place, folder->items + place + 1,
            (size_t)(folder->count - place) * sizeof *folder->items);
    pthread_mutex_unlock(&folder->list);
    found_free(found);
}

/* Tries it again where that may go better now, but does not tell of the same failure again. */
static void try_again(struct folder *folder, struct folder_model *found) {
    const struct et_error before = found->reason;
    if (found->may_pass && found->freed != atomic_load(&folder->models->freed) &&
        !serve(folder, found) && strcmp(found->reason.message, before.message) != 0)
        tell(found);
}

/* Does what was seen; whether something moves, and is to be looked at again soon. */
static bool follow(struct folder *folder, bool at_once) {
    bool moves = false;
    for (int i = folder->count - 1; i >= 0 && !atomic_load(&folder->stopping); i--) {
        struct folder_model *found = folder->items[i];
        found->missed = found->is_found ? 0 : found->missed + 1;
        if (found->missed > 1)
            forget(folder, i);
        else if (!found->is_found || (found->print != found->before && !at_once))
            moves = true;
        else if (found->print == found->tried)
            try_again(folder, found);
        else if (!serve(folder, found))
            tell(found);
    }
    return moves;
}

/* ---- Watching ---- */

/* Folders in it are watched as well; to watch what is watched already changes nothing. */
static void watch_all(struct folder *folder) {
    enum { CHANGES = IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE | IN_ATTRIB };
    if (folder->inotify < 0)
        return;
    inotify_add_watch(folder->inotify, folder->path, CHANGES);
    for (int i = 0; i < folder->count; i++)
        if (folder->items[i]->path && is_folder(folder->items[i]->path))
            inotify_add_watch(folder->inotify, folder->items[i]->path, CHANGES);
}

/* Until something changed, or it is time to look. */
static void wait_for_change(struct folder *folder, bool moves) {
    char events[4096];
    struct pollfd files[] = {{.fd = folder->wake, .events = POLLIN},
                             {.fd = folder->inotify, .events = POLLIN}};
    if (moves) { /* events would only cut the pause short in which it has to be still */
        poll(files, 1, STILL_MILLISECONDS);
        return;
    }
    poll(files, 2, LOOK_MILLISECONDS);
    while (folder->inotify >= 0 && read(folder->inotify, events, sizeof events) > 0)
        ;
}

static void *watch(void *context) {
    struct folder *folder = context;
    bool moves = true; /* something may have changed since it was opened */
    while (!atomic_load(&folder->stopping)) {
        wait_for_change(folder, moves);
        pthread_mutex_lock(&folder->lock);
        moves = !atomic_load(&folder->stopping) && look_and_say(folder) && follow(folder, false);
        watch_all(folder);
        pthread_mutex_unlock(&folder->lock);
    }
    return NULL;
}

struct folder *folder_open(struct models *models, const char *path, struct et_error *error) {
    struct folder *folder = et_allocate(1, sizeof *folder);
    if (!folder) {
        et_fail(error, "out of memory");
        return NULL;
    }
    folder->models = models;
    folder->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    folder->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&folder->lock, NULL);
    pthread_mutex_init(&folder->list, NULL);
    folder->path = et_allocate(strlen(path) + 1, 1);
    if (!folder->path || folder->wake < 0) {
        et_fail(error, "%s: no memory, or too many open files", path);
        folder_free(folder);
        return NULL;
    }
    strcpy(folder->path, path);
    if (!look(folder, error) || (folder->is_too_full && !fail_too_full(folder, error))) {
        folder_free(folder);
        return NULL;
    }
    follow(folder, true);
    return folder;
}

bool folder_watch(struct folder *folder, struct et_error *error) {
    folder->has_thread = pthread_create(&folder->thread, NULL, watch, folder) == 0;
    return folder->has_thread || et_fail(error, "%s: no thread to watch it", folder->path);
}

bool folder_stop(struct folder *folder, int seconds) {
    if (!folder || !folder->has_thread)
        return true;
    uint64_t one = 1;
    atomic_store(&folder->stopping, true);
    if (write(folder->wake, &one, sizeof one) < 0)
        return false;
    struct timespec until = deadline_in((int64_t)seconds * 1000);
    bool done = pthread_timedjoin_np(folder->thread, NULL, &until) == 0;
    folder->has_thread = !done;
    return done;
}

void folder_free(struct folder *folder) {
    if (!folder)
        return;
    for (int i = 0; i < folder->count; i++)
        found_free(folder->items[i]);
    if (folder->inotify >= 0)
        close(folder->inotify);
    if (folder->wake >= 0)
        close(folder->wake);
    pthread_mutex_destroy(&folder->lock);
    pthread_mutex_destroy(&folder->list);
    et_release(folder->path);
    et_release(folder);
}

/* ---- On request ---- */

static int load(struct folder *folder, const char *name, struct et_error *error) {
    if (!look(folder, error))
        return 503;
    struct folder_model *found = find(folder, name);
    if (!found && folder->is_too_full) {
        fail_too_full(folder, error);
        return 503;
    }
    if (!found || !found->is_found) {
        et_fail(error, "there is no file of a model \"%s\"", quoted(name).text);
        return 404;
    }
    if (serve(folder, found))
        return 0;
    *error = found->reason;
    return found->may_pass ? 503 : 500; /* no place or no memory: it may go well another time */
}

int folder_load(struct folder *folder, const char *name, struct et_error *error) {
    pthread_mutex_lock(&folder->lock);
    int status = load(folder, name, error);
    pthread_mutex_unlock(&folder->lock);
    return status;
}

int folder_unload(struct folder *folder, const char *name, struct et_error *error) {
    pthread_mutex_lock(&folder->lock);
    struct folder_model *found = find(folder, name);
    bool served = found && found->is_served;
    if (served) {
        models_remove(folder->models, name);
        pthread_mutex_lock(&folder->list);
        found->is_served = false;
        found->may_pass = false;
        et_fail(&found->reason, "unloaded");
        pthread_mutex_unlock(&folder->list);
    }
    pthread_mutex_unlock(&folder->lock);
    if (!served)
        et_fail(error, "there is no model \"%s\" of the folder", quoted(name).text);
    return served ? 0 : 404;
}

void folder_visit(struct folder *folder, folder_visitor *visit, void *context) {
    pthread_mutex_lock(&folder->list);
    for (int i = 0; i < folder->count; i++)
        visit(context, folder->items[i]->name, folder->items[i]->is_served,
              folder->items[i]->reason.message);
    pthread_mutex_unlock(&folder->list);
}
