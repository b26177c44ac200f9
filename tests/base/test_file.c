/* Files: what is read and what is not, written whole or not at all, and what killed processes left.
 */
#include "compiler/base/base.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

struct path {
    char text[400];
};
static struct path in_folder(const char *name) {
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
    return path;
}

static void prepare(void) {
    strcpy(folder, "/tmp/test_file.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void clean(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

/* Ten seconds: nothing here may wait for another process. */
TestSuite(file, .init = prepare, .fini = clean, .timeout = 10);

static int entries(void) {
    char command[96];
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *output = popen(command, "r");
    int count = -1;
    cr_assert_eq(fscanf(output, "%d", &count), 1);
    pclose(output);
    return count;
}

static void expect_content(struct path path, const char *expected) {
    char *bytes;
    size_t count;
    struct et_error error = {0};
    cr_assert(read_file(path.text, 1000, &bytes, &count, &error), "%s", error.message);
    cr_expect_str_eq(bytes, expected);
    et_release(bytes);
}

static void expect_refused(struct path path, const char *what) {
    struct et_error error = {0};
    struct mapped_file file;
    char *bytes, first[4], message[500];
    size_t count;
    snprintf(message, sizeof message, "%s: %s", path.text, what);
    cr_expect_not(read_file(path.text, 1000, &bytes, &count, &error));
    cr_expect_str_eq(error.message, message);
    cr_expect_not(map_file(path.text, 1000, &file, &error));
    cr_expect_str_eq(error.message, message);
    cr_expect_not(read_beginning(path.text, first, sizeof first, &count, &error));
    cr_expect_str_eq(error.message, message);
}

/* Its place is a constant then, which must stay mapped. */
Test(file, what_could_not_be_mapped_is_not_unmapped) {
    struct path path = in_folder("mapped");
    struct mapped_file file;
    struct et_error error = {0};
    cr_assert(write_file(path.text, "some", 4, &error), "%s", error.message);
    et_fail_allocation(1);
    cr_expect_not(map_file(path.text, 1000, &file, &error));
    et_fail_allocation(0);
    cr_expect_eq(file.count, 0);
    unmap_file(&file);
    unlink(path.text);
}

Test(file, reads_regular_files_behind_links_or_not) {
    struct path plain = in_folder("plain"), link = in_folder("link"), pipe = in_folder("pipe");
    cr_assert(write_file(plain.text, "abcdef", 6, NULL));
    cr_assert_eq(symlink("plain", link.text), 0);
    expect_content(link, "abcdef");
    char first[4];
    size_t count;
    cr_assert(read_beginning(link.text, first, sizeof first, &count, NULL));
    cr_assert_eq(count, 4);
    cr_assert_arr_eq(first, "abcd", 4);
    cr_assert(is_same_file(link.text, plain.text));
    cr_assert_not(is_same_file(link.text, pipe.text));
    cr_assert_eq(mkfifo(pipe.text, 0600), 0);
    expect_refused(pipe, "expected a regular file");
    expect_refused((struct path){"/dev/null"}, "expected a regular file");
    expect_refused(in_folder(""), "expected a regular file");
    expect_refused(in_folder("none"), "No such file or directory");
}

Test(file, does_not_wait_for_a_reader) {
    struct path pipe = in_folder("pipe");
    struct et_error error = {0};
    cr_assert_eq(mkfifo(pipe.text, 0600), 0);
    cr_assert_not(write_file(pipe.text, "abc", 3, &error));
    cr_assert_not_null(strstr(error.message, "a pipe that nothing reads from"), "%s",
                       error.message);
    int reader = open(pipe.text, O_RDONLY | O_NONBLOCK);
    char bytes[4];
    cr_assert(write_file(pipe.text, "abc", 3, &error), "%s", error.message);
    cr_assert_eq(read(reader, bytes, sizeof bytes), 3);
    close(reader);
}

/* A limit on the size of files stands for a full disk. */
Test(file, several_are_written_or_none) {
    static char large[5000];
    struct path names[3] = {in_folder("a"), in_folder("b"), in_folder("c")};
    struct new_file files[3] = {
        {names[0].text, "1", 1}, {names[1].text, large, sizeof large}, {names[2].text, "3", 1}};
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    struct et_error error = {0};
    cr_assert(write_file(names[0].text, "old", 3, NULL));
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_not(write_files(files, 3, &error));
    cr_assert_not_null(strstr(error.message, "/b: cannot write 5000 bytes"), "%s", error.message);
    expect_content(names[0], "old");
    cr_assert_eq(entries(), 1);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(mkdir(names[2].text, 0700), 0);
    cr_assert_not(write_files(files, 3, &error));
    cr_assert_not_null(strstr(error.message, "/c: Is a directory"), "%s", error.message);
    expect_content(names[0], "old");
    cr_assert_eq(entries(), 2);
    cr_assert_eq(rmdir(names[2].text), 0);
    cr_assert(write_files(files, 3, &error), "%s", error.message);
    expect_content(names[0], "1");
    expect_content(names[2], "3");
    cr_assert_eq(entries(), 3);
}

/* Those that are there stay, also empty ones; of those made none stays without a file in it. */
Test(file, folders_are_made_with_the_file) {
    struct path inner = in_folder("x//y/../y/a"), other = in_folder("z/b");
    struct path below = in_folder("z/b/c/d"), own = in_folder("own");
    struct new_file files[2] = {{inner.text, "1", 1}, {below.text, "2", 1}};
    struct et_error error = {0};
    int made;
    cr_assert_eq(mkdir(own.text, 0700), 0);
    cr_assert(write_file(other.text, "old", 3, &error), "%s", error.message);
    expect_content(other, "old");
    cr_assert_not(write_files(files, 2, &error));
    cr_assert_not_null(strstr(error.message, "/z/b: expected a folder, found a file"), "%s",
                       error.message);
    files[0].path = strcpy(inner.text, in_folder("u/v/a").text);
    cr_assert_not(write_files(files, 2, &error));
    cr_expect_neq(access(in_folder("u").text, F_OK), 0, "a folder without a file");
    files[1].path = strcpy(below.text, in_folder("u/w").text);
    cr_assert(write_files(files, 2, &error), "%s", error.message);
    expect_content(inner, "1");
    expect_content(below, "2");
    cr_assert(make_folders(in_folder("own/new/file").text, &made, &error), "%s", error.message);
    cr_expect_eq(made, 1);
    remove_folders(in_folder("own/new/file").text, made);
    cr_expect_neq(access(in_folder("own/new").text, F_OK), 0);
    cr_expect_eq(access(own.text, F_OK), 0, "a folder that was there");
}

Test(file, names_as_long_as_can_be) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    struct et_error error = {0};
    cr_assert(write_file(in_folder(name).text, "abc", 3, &error), "%s", error.message);
    expect_content(in_folder(name), "abc");
}

Test(file, names_are_cut_and_stay_distinct) {
    char long_name[260], other[260], shorter[] = "as it was";
    memset(long_name, 'n', 259);
    long_name[259] = 0;
    strcpy(other, long_name);
    other[258] = 'm';
    cut_name(long_name);
    cut_name(other);
    cut_name(shorter);
    cr_assert_eq(strlen(long_name), MOST_NAME_KEPT);
    cr_assert_eq(strlen(other), MOST_NAME_KEPT);
    cr_assert_str_neq(long_name, other);
    cr_assert_str_eq(shorter, "as it was");
}

static pid_t gone_process(void) {
    pid_t process = fork();
    if (!process)
        _exit(0);
    cr_assert_eq(waitpid(process, NULL, 0), process);
    return process;
}

static struct path make_old(const char *name, long process, int seconds) {
    char with_process[64];
    snprintf(with_process, sizeof with_process, name, process);
    struct path path = in_folder(with_process);
    int descriptor = open(path.text, O_WRONLY | O_CREAT, 0600);
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    cr_assert(descriptor >= 0);
    cr_assert_eq(futimens(descriptor, (struct timespec[]){then, then}), 0);
    close(descriptor);
    return path;
}

Test(file, what_killed_processes_left_is_removed) {
    static const struct {
        const char *name;
        int seconds;
        bool stays, stays_in_the_end;
    } parts[] = {
        {"out.%ld-0.part", 3600, false, false},
        {"out.%ld-17.part", 3600, false, false},
        {"out.%ld-1.part", 10, true, true}, /* young */
        {"other.%ld-0.part", 3600, true, false},
        {"out.1-0.part", 3600, true, true}, /* a process that lives */
        {"out.%ld.part", 3600, true, true},
        {"out.%ld-.part", 3600, true, true},
        {"out.%ld-x.part", 3600, true, true},
        {"out.%ld-0.parts", 3600, true, true},
        {"out.0%ld-0", 3600, true, true},
        {".part", 3600, true, true},
        {"out.-5-0.part", 3600, true, true},
    };
    enum { COUNT = sizeof parts / sizeof *parts };
    struct path paths[COUNT], link = in_folder("out.link");
    long gone = gone_process();
    for (size_t i = 0; i < COUNT; i++)
        paths[i] = make_old(parts[i].name, gone, parts[i].seconds);
    snprintf(link.text, sizeof link.text, "%s/out.%ld-5.part", folder, gone);
    cr_assert_eq(symlink("out.1-0.part", link.text), 0);
    const struct timespec then = {.tv_sec = time(NULL) - 3600};
    utimensat(AT_FDCWD, link.text, (struct timespec[]){then, then}, AT_SYMLINK_NOFOLLOW);
    cr_assert(write_file(in_folder("out").text, "abc", 3, NULL));
    for (size_t i = 0; i < COUNT; i++)
        cr_expect_eq(access(paths[i].text, F_OK) == 0, parts[i].stays, "%s", paths[i].text);
    sweep_parts(folder, "");
    for (size_t i = 0; i < COUNT; i++)
        cr_expect_eq(access(paths[i].text, F_OK) == 0, parts[i].stays_in_the_end, "%s",
                     paths[i].text);
    struct stat facts;
    cr_expect_eq(lstat(link.text, &facts), 0);
}
