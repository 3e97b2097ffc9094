// How long a system call takes: of the kind that a filter lets through, and of those that it asks about.
//
//   calls KIND TIMES     prints {"p50_us": ..., "p95_us": ..., "per_second": ...} of a call
//
//   plain   getppid(2), which does nothing
//   write   open(2) of a file for writing, and close(2)
//   clock   clock_settime(2), which is recorded as an attempt
//   asked   getppid(2) under a filter of our own that asks a process which only says yes: the least
//           that being asked costs here
//
// `clock` runs only where a user namespace keeps it from the clock.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32 };

static double now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int compare(const void *one, const void *other) {
	double a = *(const double *)one, b = *(const double *)other;
	return (a > b) - (a < b);
}

// This is a user namespace: the first has all ids.
static int contained(void) {
	unsigned inside, outside, count;
	FILE *map = fopen("/proc/self/uid_map", "r");
	int read = map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3;
	if (map)
		fclose(map);
	return read && count != 4294967295u;
}

// Puts getppid(2) under a filter, and makes the process that answers.
static void ask(void) {
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	int listener;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		exit(1);
	// Who answers is made with the filter, and makes no call that it asks about.
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		exit(1);
	if (fork() > 0) {
		close(listener);
		return;
	}
	prctl(PR_SET_PDEATHSIG, 9);
	for (;;) {
		struct pollfd ready = {listener, POLLIN, 0};
		struct seccomp_notif notice = {0};
		struct seccomp_notif_resp response = {0};
		poll(&ready, 1, -1);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice))
			exit(0);
		response.id = notice.id;
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

static void call(char kind) {
	struct timespec time;
	int fd;
	switch (kind) {
	case 'p':
	case 'a':
		syscall(SYS_getppid);
		break;
	case 'w':
		fd = open("/tmp/calls", O_WRONLY | O_CREAT, 0600);
		close(fd);
		break;
	case 'c':
		clock_gettime(CLOCK_REALTIME, &time);
		syscall(SYS_clock_settime, CLOCK_REALTIME, &time);
		break;
	}
}

int main(int argc, char **argv) {
	int times = argc == 3 ? atoi(argv[2]) : 0;
	if (times <= 0 || !strchr("pwca", argv[1][0]))
		return fprintf(stderr, "usage: calls plain|write|clock|asked TIMES\n"), 2;
	if (argv[1][0] == 'a')
		ask();
	if (argv[1][0] == 'c' && !contained())
		return fprintf(stderr, "calls: this is no sandbox\n"), 3;
	double *took = calloc(times, sizeof *took), start = now_us();
	for (int i = 0; i < times; i++) {
		double before = now_us();
		for (int j = 0; j < BATCH; j++)
			call(argv[1][0]);
		took[i] = (now_us() - before) / BATCH;
	}
	double all = now_us() - start;
	qsort(took, times, sizeof *took, compare);
	printf("{\"p50_us\": %.4f, \"p95_us\": %.4f, \"per_second\": %.1f}\n", took[times / 2],
	       took[times * 95 / 100], times * BATCH / all * 1e6);
	return 0;
}
