/* The peer libnftnl, used as its examples and nft use it: libnftnl WORK NUMBER. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE (256 * 1024)
#define OVERRUN (128 * 1024)
#define BUFFER (64 * 1024)
#define PER_PASS 100
#define PER_TRANSACTION 4095

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
static uint64_t allocations;

void *malloc(size_t len)
{
	allocations++;
	return __libc_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	allocations++;
	return __libc_calloc(n, len);
}

void *realloc(void *at, size_t len)
{
	allocations++;
	return __libc_realloc(at, len);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what is measured ---- */

static struct timespec start_wall;
static uint64_t start_user, start_allocations;

static uint64_t user_nanos(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec * 1000000000ull + usage.ru_utime.tv_usec * 1000ull;
}

static uint64_t nanos_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000000000ull + now.tv_nsec - start->tv_nsec;
}

static void start(void)
{
	start_allocations = allocations;
	start_user = user_nanos();
	clock_gettime(CLOCK_MONOTONIC, &start_wall);
}

/* The most memory that was resident, in kB. */
static long peak(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	while (status && fgets(line, sizeof(line), status) && sscanf(line, "VmHWM: %ld", &kb) != 1)
		;
	if (status)
		fclose(status);
	return kb;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(uint64_t done, uint64_t *latencies)
{
	uint64_t wall = nanos_since(&start_wall), user = user_nanos() - start_user;
	uint64_t count = allocations - start_allocations;

	printf("{\"wall\":%ju,\"user\":%ju,\"peak\":%ld,\"allocations\":%ju,\"done\":%ju", (uintmax_t)wall,
	       (uintmax_t)user, peak(), (uintmax_t)count, (uintmax_t)done);
	if (latencies) {
		qsort(latencies, done, sizeof(*latencies), by_value);
		printf(",\"p50\":%ju,\"p99\":%ju", (uintmax_t)latencies[done / 2],
		       (uintmax_t)latencies[done * 99 / 100]);
	}
	printf("}\n");
}

/* ---- the socket ---- */

static struct mnl_socket *socket_open(void)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		fail("opening a socket");
	return nl;
}

static void reserve(struct mnl_socket *nl, size_t len)
{
	int fd = mnl_socket_get_fd(nl), half = (len + 32) / 2 + 1;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof(half)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

static void take_ack(struct mnl_socket *nl, uint32_t sequence)
{
	static char buffer[BUFFER];
	ssize_t len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

	if (len < 0)
		fail("receiving");
	if (mnl_cb_run(buffer, len, sequence, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		fail("the kernel's answer");
}

/* ---- rules and elements ---- */

static uint32_t address(uint64_t n)
{
	return htonl(0x0a000000 + n);
}

static uint16_t port(uint64_t n)
{
	return htons(1 + n % 65535);
}

static void add_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *expr = nftnl_expr_alloc("payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_rule_add_expr(rule, expr);
}

static void add_cmp(struct nftnl_rule *rule, const void *data, uint32_t len)
{
	struct nftnl_expr *expr = nftnl_expr_alloc("cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len);
	nftnl_rule_add_expr(rule, expr);
}

static struct nftnl_rule *rule_new(uint64_t n)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nftnl_expr *expr;
	uint32_t from = address(n);
	uint16_t to = port(n);
	uint8_t tcp = IPPROTO_TCP;

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, "fw");
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, "input");
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_IPV4);
	add_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
	add_cmp(rule, &from, sizeof(from));
	expr = nftnl_expr_alloc("meta");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
	nftnl_rule_add_expr(rule, expr);
	add_cmp(rule, &tcp, sizeof(tcp));
	add_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	add_cmp(rule, &to, sizeof(to));
	nftnl_rule_add_expr(rule, nftnl_expr_alloc("counter"));
	expr = nftnl_expr_alloc("immediate");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
	nftnl_rule_add_expr(rule, expr);
	return rule;
}

static void put_rule(void *at, uint32_t sequence, uint64_t n)
{
	struct nlmsghdr *nlh =
		nftnl_nlmsg_build_hdr(at, NFT_MSG_NEWRULE, NFPROTO_IPV4, NLM_F_CREATE | NLM_F_APPEND, sequence);
	struct nftnl_rule *rule = rule_new(n);

	nftnl_rule_nlmsg_build_payload(nlh, rule);
	nftnl_rule_free(rule);
}

static struct nftnl_set *set_new(void)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, "fw");
	nftnl_set_set_str(set, NFTNL_SET_NAME, "s");
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_IPV4);
	return set;
}

static void add_key(struct nftnl_set *set, const void *key, uint32_t len, uint32_t flags, int verdict)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, len);
	if (flags)
		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_FLAGS, flags);
	if (verdict >= 0)
		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, verdict);
	nftnl_set_elem_add(set, elem);
}

static void add_elem(struct nftnl_set *set, const char *work, uint64_t n)
{
	uint32_t key[2] = { address(n), 0 };

	if (!strcmp(work, "intervals")) {
		uint32_t begin = htonl(0x10000000 + n * 512), end = htonl(0x10000000 + n * 512 + 256);

		add_key(set, &begin, sizeof(begin), 0, -1);
		add_key(set, &end, sizeof(end), NFT_SET_ELEM_INTERVAL_END, -1);
	} else if (!strcmp(work, "concatenation")) {
		uint16_t to = port(n);

		memcpy(&key[1], &to, sizeof(to));
		add_key(set, key, 8, 0, -1);
	} else if (!strcmp(work, "verdict-map")) {
		add_key(set, key, 4, 0, n % 2 == 0 ? NF_ACCEPT : NF_DROP);
	} else {
		add_key(set, key, 4, 0, -1);
	}
}

/* ---- batches ---- */

static uint32_t sequence;

static void put_end(void *at)
{
	struct nlmsghdr *nlh = nftnl_batch_end(at, ++sequence);

	/* The one ack of all (Linux 6.10). */
	nlh->nlmsg_flags |= NLM_F_ACK;
}

static struct nftnl_batch *batch_new(void)
{
	struct nftnl_batch *batch = nftnl_batch_alloc(PAGE, OVERRUN);

	if (!batch)
		fail("a batch");
	nftnl_batch_begin(nftnl_batch_buffer(batch), ++sequence);
	nftnl_batch_update(batch);
	return batch;
}

static void put_elems(struct nftnl_batch *batch, struct nftnl_set *set)
{
	struct nftnl_set_elems_iter *iter = nftnl_set_elems_iter_create(set);

	int more;

	do {
		struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(nftnl_batch_buffer(batch), NFT_MSG_NEWSETELEM,
							     NFPROTO_IPV4, NLM_F_CREATE, ++sequence);

		more = nftnl_set_elems_nlmsg_build_payload_iter(nlh, iter);
		nftnl_batch_update(batch);
	} while (more > 0);
	nftnl_set_elems_iter_destroy(iter);
}

static void commit(struct mnl_socket *nl, struct nftnl_batch *batch)
{
	struct iovec *parts;
	struct msghdr msg = { 0 };
	size_t len = 0;
	int n, i;

	put_end(nftnl_batch_buffer(batch));
	nftnl_batch_update(batch);
	n = nftnl_batch_iovec_len(batch);
	parts = calloc(n, sizeof(*parts));
	nftnl_batch_iovec(batch, parts, n);
	for (i = 0; i < n; i++)
		len += parts[i].iov_len;
	reserve(nl, len);
	msg.msg_iov = parts;
	msg.msg_iovlen = n;
	if (sendmsg(mnl_socket_get_fd(nl), &msg, 0) < 0)
		fail("sending");
	take_ack(nl, sequence);
	free(parts);
}

static void add(const char *work, uint64_t n)
{
	struct mnl_socket *nl = socket_open();
	uint64_t per = strcmp(work, "split") ? n : PER_TRANSACTION;

	start();
	for (uint64_t from = 0; from < n; from += per) {
		struct nftnl_batch *batch = batch_new();
		struct nftnl_set *set = set_new();

		for (uint64_t i = from; i < n && i < from + per; i++) {
			if (!strcmp(work, "rules")) {
				put_rule(nftnl_batch_buffer(batch), ++sequence, i);
				nftnl_batch_update(batch);
			} else {
				add_elem(set, work, i);
			}
		}
		if (strcmp(work, "rules"))
			put_elems(batch, set);
		commit(nl, batch);
		if (per == n)
			report(n, NULL);
		nftnl_set_free(set);
		nftnl_batch_free(batch);
	}
	if (per != n)
		report(n, NULL);
}

static void add_one(uint64_t n)
{
	struct mnl_socket *nl = socket_open();
	uint64_t *latencies = calloc(n, sizeof(*latencies));
	static char buffer[BUFFER];

	start();
	for (uint64_t i = 0; i < n; i++) {
		struct nftnl_set *set = set_new();
		struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
		struct timespec begin;

		clock_gettime(CLOCK_MONOTONIC, &begin);
		nlh = nftnl_batch_begin(buffer, ++sequence);
		add_elem(set, "add-one", i);
		nlh = nftnl_nlmsg_build_hdr((char *)nlh + nlh->nlmsg_len, NFT_MSG_NEWSETELEM, NFPROTO_IPV4, NLM_F_CREATE,
					    ++sequence);
		nftnl_set_elems_nlmsg_build_payload(nlh, set);
		put_end((char *)nlh + nlh->nlmsg_len);
		nlh = (struct nlmsghdr *)((char *)nlh + nlh->nlmsg_len);
		if (mnl_socket_sendto(nl, buffer, (char *)nlh + nlh->nlmsg_len - buffer) < 0)
			fail("sending");
		take_ack(nl, sequence);
		nftnl_set_free(set);
		latencies[i] = nanos_since(&begin);
	}
	report(n, latencies);
}

/* ---- listings ---- */

static uint64_t listed;

static int take_rule(const struct nlmsghdr *nlh, void *list)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (nftnl_rule_nlmsg_parse(nlh, rule) < 0)
		return MNL_CB_ERROR;
	nftnl_rule_list_add_tail(rule, list);
	listed++;
	return MNL_CB_OK;
}

static int take_elems(const struct nlmsghdr *nlh, void *set)
{
	return nftnl_set_elems_nlmsg_parse(nlh, set) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int count_elem(struct nftnl_set_elem *elem, void *data)
{
	(void)elem;
	(void)data;
	listed++;
	return 0;
}

static void list(bool rules)
{
	static char buffer[BUFFER];
	struct mnl_socket *nl = socket_open();
	struct nftnl_rule_list *all = nftnl_rule_list_alloc();
	struct nftnl_set *set = set_new();
	struct nlmsghdr *nlh;
	int more = 1;

	start();
	nlh = nftnl_nlmsg_build_hdr(buffer, rules ? NFT_MSG_GETRULE : NFT_MSG_GETSETELEM, NFPROTO_IPV4, NLM_F_DUMP,
				    ++sequence);
	if (rules) {
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, "fw");
		mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, "input");
	} else {
		nftnl_set_elems_nlmsg_build_payload(nlh, set);
	}
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		fail("asking");
	while (more > 0) {
		ssize_t len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

		if (len < 0)
			fail("receiving");
		more = mnl_cb_run(buffer, len, sequence, mnl_socket_get_portid(nl), rules ? take_rule : take_elems,
				  rules ? (void *)all : (void *)set);
		if (more < 0)
			fail("the listing");
	}
	if (!rules)
		nftnl_set_elem_foreach(set, count_elem, NULL);
	report(listed, NULL);
}

/* ---- in memory ---- */

static void encode(bool rules, uint64_t n)
{
	static char buffer[BUFFER + OVERRUN];

	for (uint64_t from = 0; from < n + PER_PASS; from += PER_PASS) {
		/* The first pass warms up. */
		if (from == PER_PASS)
			start();
		if (rules) {
			char *at = buffer;

			for (uint64_t i = from; i < from + PER_PASS; i++) {
				put_rule(at, ++sequence, i);
				at += ((struct nlmsghdr *)at)->nlmsg_len;
			}
		} else {
			struct nftnl_set *set = set_new();
			struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_NEWSETELEM, NFPROTO_IPV4,
								     NLM_F_CREATE, ++sequence);

			for (uint64_t i = from; i < from + PER_PASS; i++)
				add_elem(set, "elements", i);
			nftnl_set_elems_nlmsg_build_payload(nlh, set);
			nftnl_set_free(set);
		}
	}
	report(n, NULL);
}

/* The whole message: the library has no way to decode the expressions alone. */
static void decode(uint64_t n)
{
	static char buffer[BUFFER + OVERRUN];
	char *at = buffer;

	for (uint64_t i = 0; i < PER_PASS; i++) {
		put_rule(at, ++sequence, i);
		at += ((struct nlmsghdr *)at)->nlmsg_len;
	}
	for (uint64_t from = 0; from < n + PER_PASS; from += PER_PASS) {
		if (from == PER_PASS)
			start();
		at = buffer;
		for (uint64_t i = 0; i < PER_PASS; i++) {
			struct nlmsghdr *nlh = (struct nlmsghdr *)at;
			struct nftnl_rule *rule = nftnl_rule_alloc();

			if (!rule || nftnl_rule_nlmsg_parse(nlh, rule) < 0)
				fail("a rule");
			nftnl_rule_free(rule);
			at += nlh->nlmsg_len;
		}
	}
	report(n, NULL);
}

int main(int argc, char **argv)
{
	const char *work = argc > 2 ? argv[1] : "";
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (!n)
		return 2;
	if (!strcmp(work, "add-one"))
		add_one(n);
	else if (!strncmp(work, "list-", 5))
		list(!strcmp(work, "list-rules"));
	else if (!strcmp(work, "decode-rules"))
		decode(n);
	else if (!strncmp(work, "encode-", 7))
		encode(!strcmp(work, "encode-rules"), n);
	else
		add(work, n);
	return 0;
}
