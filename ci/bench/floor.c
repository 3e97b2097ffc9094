/* floor: the cheapest sandbox that is still honest, as the measure that fwtest is held against.
 *
 * One user namespace, all other namespaces new, an overlay over the firmware with its upper layer
 * on a tmpfs, a small /dev, /proc, pivot_root, exec as pid 1, wait. What fwtest adds to that (a
 * second level that keeps the firmware from undoing the mounts, a keeper, a console, the record of
 * attempts) is what the benchmark shows as a ratio.
 *
 *   floor [-n COUNT] [-j JOBS] [-l] ROOTFS ARGV...
 *       Boots ARGV as pid 1 over ROOTFS and exits as it did. As root the ids are shifted by
 *       524288; as an ordinary user only the user's own id is mapped, to 0.
 *       -n  boots COUNT times and prints one line of JSON: p50 and p95 of one boot until pid 1 has
 *           been waited for, and the rate over all. A boot that fails, or a program that doesn't
 *           exit with 0, ends the measurement.
 *       -j  that many workers share the COUNT boots.
 *       -l  prints pid 1's pid as seen from here, for exec-bench, before it waits.
 *   floor exec-bench PID N ARGV...
 *       Enters the namespaces of PID and runs ARGV there, N times; prints the same JSON.
 *
 * Nothing is mounted in the caller's mount namespace, and no instance outlives this program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> exclude each other in glibc before 2.37, so the few names of
 * the former are declared here. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
#ifndef MS_NOSUID
enum { MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_BIND = 4096, MS_REC = 16384, MS_PRIVATE = 1 << 18 };
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif
#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |  \
	 CLONE_NEWNET | CLONE_NEWTIME)

/* An existing directory to stage on. Hidden in the instance's own mount namespace only. */
#define STAGE "/tmp"

static char *const ENVIRONMENT[] = {"PATH=/sbin:/usr/sbin:/bin:/usr/bin", "HOME=/", "TERM=linux", NULL};

/* What the processes of this program share: the times of all boots, and the first step that failed. */
struct shared {
	atomic_int next;
	_Atomic(const char *) failed_step; /* a literal: at the same address in every fork */
	atomic_int failed_errno;
	double us[];
};
static struct shared *shared;

static void die(const char *what)
{
	fprintf(stderr, "floor: failed to %s: %s\n", what, strerror(errno));
	exit(125);
}

/* In the instance, before exec: leaves step and errno to the parent. */
static _Noreturn void fail(const char *step)
{
	atomic_store(&shared->failed_errno, errno);
	atomic_store(&shared->failed_step, step);
	_exit(125);
}

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void share(size_t count)
{
	shared = mmap(NULL, sizeof *shared + count * sizeof shared->us[0], PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("share memory");
}

/* Ends with its parent, also when that one is killed. To be called after a change of ids, which
 * resets it. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
}

/* The same where getppid() is 0, because the parent is in another pid namespace: a parent that had
 * already ended shows as a pipe that no one can write to. */
static void end_with_writer(int pipe)
{
	struct pollfd end = {.fd = pipe};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&end, 1, 0) != 0)
		_exit(125);
}

static void become_root_here(void)
{
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		fail("become the namespace's root");
}

/* ---- the instance ---- */

struct boot {
	const char *rootfs;
	char *const *argv;
	bool shifted;
	int go[2]; /* the parent writes one byte once the ids are mapped */
};

static void make_dev(void)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
	char from[32], to[64];

	mkdir(STAGE "/r/dev", 0755);
	if (mount("dev", STAGE "/r/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"))
		fail("mount a tmpfs on /dev");
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		snprintf(from, sizeof from, "/dev/%s", nodes[i]);
		snprintf(to, sizeof to, STAGE "/r/dev/%s", nodes[i]);
		int file = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		if (file < 0)
			fail("create a file for a device node");
		close(file);
		if (mount(from, to, NULL, MS_BIND, NULL))
			fail("bind a device node");
	}
}

static _Noreturn void instance(const struct boot *boot, int lower)
{
	char options[160], byte;

	close(boot->go[1]);
	if (read(boot->go[0], &byte, 1) != 1)
		_exit(125);
	if (boot->shifted)
		become_root_here();
	end_with_writer(boot->go[0]);

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail("make the mounts private");
	if (lower < 0 && (lower = open(boot->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		fail("open the firmware");
	if (mount("stage", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"))
		fail("mount the stage");
	if (mkdir(STAGE "/l", 0755) || mkdir(STAGE "/u", 0755) || mkdir(STAGE "/w", 0755) || mkdir(STAGE "/r", 0755))
		fail("make the stage's directories");
	if (boot->shifted) {
		if (syscall(SYS_move_mount, lower, "", AT_FDCWD, STAGE "/l", MOVE_MOUNT_F_EMPTY_PATH))
			fail("attach the idmapped firmware");
		strcpy(options, "lowerdir=" STAGE "/l");
	} else {
		/* By descriptor: the stage may hide the path, and a path may hold what overlayfs splits at. */
		snprintf(options, sizeof options, "lowerdir=/proc/self/fd/%d", lower);
	}
	strcat(options, ",upperdir=" STAGE "/u,workdir=" STAGE "/w,userxattr,volatile");
	if (mount("overlay", STAGE "/r", "overlay", 0, options))
		fail("mount the overlay");
	make_dev();
	mkdir(STAGE "/r/proc", 0555);
	/* Before pivot_root: the kernel wants to see a whole proc in this mount namespace first. */
	if (mount("proc", STAGE "/r/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		fail("mount proc");
	if (chdir(STAGE "/r") || syscall(SYS_pivot_root, ".", "."))
		fail("pivot_root");
	if (umount2(".", MNT_DETACH) || chdir("/"))
		fail("detach the host's tree");
	execvpe(boot->argv[0], boot->argv, ENVIRONMENT);
	fail("exec the program");
}

static void write_file(pid_t pid, const char *name, const char *content)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, content, strlen(content)) < 0)
		die(path);
	close(file);
}

static void map_ids(pid_t pid, bool shifted)
{
	char map[64];
	if (shifted) {
		write_file(pid, "uid_map", "0 524288 65536");
		write_file(pid, "gid_map", "0 524288 65536");
		return;
	}
	snprintf(map, sizeof map, "0 %u 1", geteuid());
	write_file(pid, "uid_map", map);
	write_file(pid, "setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", getegid());
	write_file(pid, "gid_map", map);
}

/* The instance's own copy of the firmware's mount: read-only, its ids shifted as the instance's. */
static void shift_ids(int lower, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	int userns = open(path, O_RDONLY | O_CLOEXEC);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY, .userns_fd = userns};
	if (userns < 0 || syscall(SYS_mount_setattr, lower, "", AT_EMPTY_PATH, &attr, sizeof attr))
		die("shift the firmware's ids");
	close(userns);
}

/* Starts one instance and returns the pid of its pid 1. */
static pid_t start(const struct boot *boot)
{
	int lower = -1;
	if (boot->shifted) {
		lower = syscall(SYS_open_tree, AT_FDCWD, boot->rootfs, OPEN_TREE_CLONE | O_CLOEXEC);
		if (lower < 0)
			die("clone the firmware's mount");
	}
	struct clone_args args = {.flags = NAMESPACES, .exit_signal = SIGCHLD};
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		instance(boot, lower);
	map_ids(pid, boot->shifted);
	if (boot->shifted) {
		shift_ids(lower, pid);
		close(lower);
	}
	if (write(boot->go[1], "", 1) != 1)
		die("let the instance go on");
	return pid;
}

static int finish(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int explain(int code)
{
	const char *step = atomic_load(&shared->failed_step);
	if (step)
		fprintf(stderr, "floor: failed to %s: %s\n", step, strerror(shared->failed_errno));
	else if (code)
		fprintf(stderr, "floor: the program exited with %d\n", code);
	return code;
}

/* ---- measuring ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_json(int count, double wall_us)
{
	qsort(shared->us, count, sizeof shared->us[0], ascending);
	printf("{\"p50_us\": %.1f, \"p95_us\": %.1f, \"per_second\": %.1f}\n", shared->us[count / 2],
	       shared->us[(int)(count * 0.95)], count / wall_us * 1e6);
}

/* Takes boots until none is left of `count`. */
static int work(struct boot *boot, int count)
{
	if (pipe2(boot->go, O_CLOEXEC))
		die("make a pipe");
	for (int i; (i = atomic_fetch_add(&shared->next, 1)) < count;) {
		double before = now_us();
		int code = finish(start(boot));
		shared->us[i] = now_us() - before;
		if (code)
			return explain(code);
	}
	return 0;
}

static int boot_bench(struct boot *boot, int count, int jobs)
{
	pid_t parent = getpid(), workers[jobs];
	int code = 0;

	double before = now_us();
	for (int j = 0; j < jobs; j++) {
		if ((workers[j] = fork()) < 0)
			die("fork a worker");
		if (workers[j] == 0) {
			end_with(parent);
			_exit(work(boot, count));
		}
	}
	for (int j = 0; j < jobs; j++) {
		int ended = finish(workers[j]);
		code = code ? code : ended;
	}
	if (code == 0)
		print_json(count, now_us() - before);
	return code;
}

static int exec_once(int target, char *const *argv)
{
	pid_t parent = getpid(), helper = fork();
	if (helper < 0)
		die("fork");
	if (helper == 0) {
		bool shifted = geteuid() == 0;
		if (setns(target, NAMESPACES))
			fail("enter the namespaces");
		if (shifted)
			become_root_here();
		end_with(parent);
		/* A pid namespace takes in only children. */
		pid_t child = vfork();
		if (child < 0)
			fail("fork in the namespaces");
		if (child == 0) {
			execvpe(argv[0], argv, ENVIRONMENT);
			fail("exec the program");
		}
		_exit(finish(child));
	}
	return finish(helper);
}

static int exec_bench(pid_t pid, int count, char *const *argv)
{
	int target = syscall(SYS_pidfd_open, pid, 0);
	if (target < 0)
		die("open the instance's pidfd");
	share(count);
	double start = now_us();
	for (int i = 0; i < count; i++) {
		double before = now_us();
		int code = exec_once(target, argv);
		shared->us[i] = now_us() - before;
		if (code)
			return explain(code);
	}
	print_json(count, now_us() - start);
	return 0;
}

static _Noreturn void usage(void)
{
	fputs("usage: floor [-n COUNT] [-j JOBS] [-l] ROOTFS ARGV...\n"
	      "       floor exec-bench PID N ARGV...\n", stderr);
	exit(2);
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (*end || value < 1 || value > 10000000)
		usage();
	return value;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "exec-bench") == 0) {
		if (argc < 5)
			usage();
		return exec_bench(number(argv[2]), number(argv[3]), argv + 4);
	}

	int count = 0, jobs = 1, option;
	bool print_pid = false;
	while ((option = getopt(argc, argv, "+n:j:l")) != -1)
		switch (option) {
		case 'n': count = number(optarg); break;
		case 'j': jobs = number(optarg); break;
		case 'l': print_pid = true; break;
		default: usage();
		}
	if (argc - optind < 2)
		usage();
	struct boot boot = {.rootfs = argv[optind], .argv = argv + optind + 1, .shifted = geteuid() == 0};
	share(count);
	if (count)
		return boot_bench(&boot, count, jobs);

	if (pipe2(boot.go, O_CLOEXEC))
		die("make a pipe");
	pid_t pid = start(&boot);
	if (print_pid) {
		printf("%d\n", pid);
		fflush(stdout);
	}
	int code = finish(pid);
	return atomic_load(&shared->failed_step) ? explain(code) : code;
}
