/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/container_json.h"
#include "agent/guard/engine.h"
#include "tests/unit/bolt_make.h"
#include "tests/unit/tree.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2   "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define ID3   "3333333333333333333333333333333333333333333333333333333333333333"
#define ID4   "4444444444444444444444444444444444444444444444444444444444444444"
#define TASKS "/run/containerd/io.containerd.runtime.v2.task"

static char root[64];

static void
make_file(const char *path, const char *text)
{
	tree_make_file(root, path, text);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/test_container.XXXXXX");
	return mkdtemp(root) == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void
check(const char *id, enum container_engine engine, const char *name, const char *image)
{
	struct container_info info;

	assert_int_equal(container_find(root, id, &info), 0);
	assert_int_equal(info.engine, engine);
	assert_string_equal(info.name, name);
	assert_string_equal(info.image, image);
}

static void
docker_has_a_file_for_each(void **state)
{
	struct container_info info;

	(void)state;
	make_file("/var/lib/docker/containers/" ID "/config.v2.json",
	    "{\"State\":{\"Name\":\"no\"},\"ID\":\"x\",\"Args\":[\"\\\"Name\\\":\"],"
	    "\"Config\":{\"Env\":[\"Image=no\"],\"Image\":\"nginx:1.27\",\"Labels\":{}},"
	    "\"Image\":\"sha256:" ID2 "\",\"Name\":\"/web\"}");
	check(ID, CONTAINER_DOCKER, "web", "nginx:1.27@sha256:" ID2);
	/* What is no digest is not told as one. */
	make_file("/var/lib/docker/containers/" ID "/config.v2.json",
	    "{\"Config\":{\"Image\":\"nginx:1.27\"},\"Image\":\"sha256:00\",\"Name\":\"/web\"}");
	check(ID, CONTAINER_DOCKER, "web", "nginx:1.27");
	assert_int_equal(container_find(root, "../../etc", &info), -ENOENT);
	assert_int_equal(container_find(root, "abcdef", &info), -ENOENT);
}

static void
docker_may_keep_its_things_elsewhere(void **state)
{
	(void)state;
	make_file("/etc/docker/daemon.json",
	    "{ \"log-opts\": { \"data-root\": \"/no\" }, \"data-root\": \"/srv/docker\" }\n");
	make_file("/srv/docker/containers/" ID "/config.v2.json",
	    "{\"Config\":{\"Image\":\"a:1\"},\"Name\":\"/elsewhere\"}");
	check(ID, CONTAINER_DOCKER, "elsewhere", "a:1");
}

static void
a_restart_policy_says_whether_it_comes_back(void **state)
{
	static const char *const names[] = { "no", "on-failure", "always", "unless-stopped" };

	(void)state;
	assert_false(container_comes_back(root, ID));
	for (size_t i = 0; i < DS_LEN(names); i++) {
		char text[160];

		(void)snprintf(text, sizeof(text),
		    "{\"LogConfig\":{\"Name\":\"always\"},\"RestartPolicy\":{\"Name\":\"%s\","
		    "\"MaximumRetryCount\":0}}",
		    names[i]);
		make_file("/var/lib/docker/containers/" ID "/hostconfig.json", text);
		assert_int_equal(container_comes_back(root, ID), i >= 2);
	}
}

#define PODMAN(name, image)                                                                \
	"[{\"id\":\"" ID "\",\"names\":[\"no\"],\"metadata\":\"{}\"},"                     \
	"{\"id\":\"" ID2 "\",\"names\":[\"" name "\"],\"metadata\":\"{\\\"image-name\\\":" \
	"\\\"" image "\\\",\\\"image-id\\\":\\\"" ID "\\\",\\\"name\\\":\\\"" name "\\\"}\"}]"

static void
podman_has_lists(void **state)
{
	(void)state;
	make_file("/var/lib/containers/storage/overlay-containers/containers.json",
	    PODMAN("db", "docker.io/library/postgres:15"));
	check(ID2, CONTAINER_PODMAN, "db", "docker.io/library/postgres:15@sha256:" ID);
}

static void
podman_has_another_list_of_what_goes_with_its_end(void **state)
{
	(void)state;
	make_file("/etc/containers/storage.conf",
	    "[storage]\ndriver = \"vfs\"\n# graphroot = \"/no\"\ngraphroot = \"/srv/pods\"\n");
	make_file("/srv/pods/vfs-containers/containers.json", "[]");
	make_file(
	    "/srv/pods/vfs-containers/volatile-containers.json", PODMAN("short", "localhost/a:1"));
	check(ID2, CONTAINER_PODMAN, "short", "localhost/a:1@sha256:" ID);
	make_file("/srv/pods/vfs-containers/volatile-containers.json", "[]");
	make_file("/run/containers/storage/overlay-containers/volatile-containers.json",
	    PODMAN("transient", "localhost/a:2"));
	check(ID2, CONTAINER_PODMAN, "transient", "localhost/a:2@sha256:" ID);
}

static void
podman_of_a_user_has_its_lists_in_his_home(void **state)
{
	struct container_info info;
	char home[300];

	(void)state;
	(void)snprintf(home, sizeof(home), "%s/home/u", root);
	assert_int_equal(container_find_of_user(home, 1000, ID2, &info), -ENOENT);
	make_file("/home/u/.local/share/containers/storage/overlay-containers/containers.json",
	    PODMAN("mine", "localhost/a:1"));
	assert_int_equal(container_find_of_user(home, 1000, ID2, &info), 0);
	assert_string_equal(info.name, "mine");
	assert_string_equal(info.image, "localhost/a:1@sha256:" ID);
	assert_int_equal(info.uid, 1000);
	/* Root's engines know nothing of it. */
	assert_int_equal(container_find(root, ID2, &info), -ENOENT);
}

/* containerd's database below root. */
static void
make_database(const char *data, const struct bolt_row *rows, size_t len)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/io.containerd.metadata.v1.bolt/meta.db", data);
	make_file(path, "");
	(void)snprintf(
	    path, sizeof(path), "%s%s/io.containerd.metadata.v1.bolt/meta.db", root, data);
	bolt_make(path, 4096, rows, len);
}

#define DATA         "/var/lib/containerd"
#define EARLY        "\1.......1......"
#define LATE         "\1.......2......"
#define CRI(key)     "\"io.kubernetes.cri." key "\":"
#define OF_POD       CRI("sandbox-name") "\"api-7d9f8b6c54-x2k4p\"," CRI("sandbox-namespace") "\"shop\""
#define OCI_IN(k, v) "{\"process\":{\"env\":[\"X=1\"]},\"annotations\":{" k "," v "}}"

static void
containerd_has_namespaces(void **state)
{
	(void)state;
	make_file(TASKS "/k8s.io/" ID "/config.json",
	    "{\"annotations\":{" CRI("container-name") "\"api\"," CRI(
		"image-name") "\"registry/api:7\"}}");
	check(ID, CONTAINER_KUBERNETES, "api", "registry/api:7");
	make_file(
	    TASKS "/default/" ID2 "/config.json", "{\"annotations\":{\"nerdctl/name\":\"box\"}}");
	check(ID2, CONTAINER_CONTAINERD, "box", "");
}

static void
the_same_name_in_two_namespaces_is_two_containers(void **state)
{
	struct container_info info;

	(void)state;
	make_file(
	    TASKS "/default/web/config.json", "{\"linux\":{\"cgroupsPath\":\"/default/web\"}}");
	make_file(
	    TASKS "/staging/web/config.json", "{\"linux\":{\"cgroupsPath\":\"/staging/web\"}}");
	assert_int_equal(container_find_named(root, "web", "/default/web", &info), 0);
	assert_string_equal(info.name, "web");
	assert_int_equal(container_find_named(root, "web", "/staging/web", &info), 0);
	assert_string_equal(info.name, "staging/web");
	/* By what nerdctl calls it; an id alone is one of a kind anyway. */
	make_file(
	    TASKS "/staging/" ID3 "/config.json", "{\"annotations\":{\"nerdctl/name\":\"box\"}}");
	check(ID3, CONTAINER_CONTAINERD, "staging/box", "");
	make_file(TASKS "/staging/" ID4 "/config.json", "{\"annotations\":{}}");
	check(ID4, CONTAINER_CONTAINERD, "", "");
}

static void
dockers_own_namespace_is_left_to_docker(void **state)
{
	struct container_info info;

	(void)state;
	make_file(TASKS "/moby/" ID "/config.json", "{\"annotations\":{}}");
	assert_int_equal(container_find(root, ID, &info), -ENOENT);
}

static void
a_pods_container_is_named_by_all_three_and_has_the_digest_of_what_it_was_made_of(void **state)
{
	static const struct bolt_row rows[] = {
		{ "v1|k8s.io|containers|" ID "|createdat", EARLY },
		{ "v1|k8s.io|containers|" ID "|image", "registry/api:7" },
		{ "v1|k8s.io|containers|" ID "|extensions|io.cri-containerd.container.metadata",
		    "\n4x.Metadata\x12\xe3\x03{\"Metadata\":{\"Config\":{\"ImageRef\":\"no\"},"
		    "\"ImageRef\":\"sha256:" ID "\"}}" },
		{ "v1|k8s.io|images|registry/api:7|target|digest", "sha256:" ID },
		{ "v1|k8s.io|images|registry/api:7|updatedat", LATE },
		{ "v1|k8s.io|images|sha256:" ID "|target|digest", "sha256:" ID2 },
	};

	(void)state;
	make_file(TASKS "/k8s.io/" ID "/config.json",
	    OCI_IN(CRI("container-name") "\"api\"," CRI("container-type") "\"container\"",
		CRI("image-name") "\"registry/api:7\"," OF_POD));
	check(ID, CONTAINER_KUBERNETES, "shop/api-7d9f8b6c54-x2k4p/api", "registry/api:7");
	make_database(DATA, rows, DS_LEN(rows));
	check(ID, CONTAINER_KUBERNETES, "shop/api-7d9f8b6c54-x2k4p/api",
	    "registry/api:7@sha256:" ID2);
	/* Of an image that is known by nothing else any more, its id. */
	make_database(DATA, rows, DS_LEN(rows) - 1);
	check(
	    ID, CONTAINER_KUBERNETES, "shop/api-7d9f8b6c54-x2k4p/api", "registry/api:7@sha256:" ID);
}

static void
what_holds_a_pod_is_told_from_what_runs_in_it(void **state)
{
	struct container_info info;

	(void)state;
	make_file(TASKS "/k8s.io/" ID "/config.json",
	    OCI_IN(CRI("container-type") "\"sandbox\"", OF_POD));
	assert_int_equal(container_find(root, ID, &info), 0);
	assert_true(info.holds_pod);
	make_file(TASKS "/k8s.io/" ID "/config.json",
	    OCI_IN(CRI("container-type") "\"container\"", OF_POD));
	assert_int_equal(container_find(root, ID, &info), 0);
	assert_false(info.holds_pod);
}

static void
a_name_that_is_too_long_goes_by_the_id(void **state)
{
	char text[1024], pod[200];

	(void)state;
	memset(pod, 'p', sizeof(pod) - 1);
	pod[sizeof(pod) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
	    "{\"annotations\":{" CRI("container-name") "\"api\"," CRI("sandbox-name") "\"%s\"," CRI(
		"sandbox-namespace") "\"shop\"}}",
	    pod + 20);
	make_file(TASKS "/k8s.io/" ID "/config.json", text);
	(void)snprintf(text, sizeof(text), "shop/%s/api", pod + 20);
	check(ID, CONTAINER_KUBERNETES, text, "");
	(void)snprintf(text, sizeof(text),
	    "{\"annotations\":{" CRI("container-name") "\"api\"," CRI("sandbox-name") "\"%s\"," CRI(
		"sandbox-namespace") "\"shop\"}}",
	    pod + 10);
	make_file(TASKS "/k8s.io/" ID "/config.json", text);
	check(ID, CONTAINER_KUBERNETES, "", "");
}

static void
containerd_may_keep_its_things_elsewhere(void **state)
{
	static const struct bolt_row rows[] = {
		{ "v1|default|containers|" ID "|createdat", LATE },
		{ "v1|default|containers|" ID "|image", "shop:3" },
		{ "v1|default|containers|" ID "|labels|nerdctl/name", "box" },
		{ "v1|default|images|shop:3|target|digest", "sha256:" ID2 },
		{ "v1|default|images|shop:3|updatedat", EARLY },
	};

	(void)state;
	make_file("/etc/containerd/config.toml",
	    "root_path = '/no'\n#root = '/no'\nroot = '/srv/data'\nstate=\"/srv/state\"\n");
	make_file("/srv/state/io.containerd.runtime.v2.task/default/" ID "/config.json", "{}");
	make_database("/srv/data", rows, DS_LEN(rows));
	check(ID, CONTAINER_CONTAINERD, "box", "shop:3@sha256:" ID2);
}

static void
small_kubernetes_keep_them_elsewhere(void **state)
{
	(void)state;
	make_file("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
	    OCI_IN(CRI("container-name") "\"api\"", OF_POD));
	check(ID, CONTAINER_KUBERNETES, "shop/api-7d9f8b6c54-x2k4p/api", "");
}

#define CRIO(key)    "\"io.kubernetes.cri-o." key "\":"
#define CRIO_FILE    "/run/containers/storage/overlay-containers/" ID "/userdata/config.json"
#define CRIO_MANAGES "\"io.container.manager\":\"cri-o\""

static void
crio_is_told_from_podman(void **state)
{
	struct container_info info;

	(void)state;
	make_file(CRIO_FILE, "{\"annotations\":{\"io.container.manager\":\"libpod\"}}");
	assert_int_equal(container_find(root, ID, &info), -ENOENT);
	make_file("/var/lib/containers/storage/overlay-containers/containers.json",
	    "[{\"id\":\"" ID "\",\"metadata\":\"{\\\"name\\\":\\\"k8s_no\\\"}\"}]");
	make_file(
	    CRIO_FILE, OCI_IN(CRIO_MANAGES "," CRIO("Image") "\"quay.io/redis@sha256:00\"",
			   CRIO("Name") "\"k8s_redis_cart-0_shop.eu_1f04-00_2\"," CRIO(
			       "ImageName") "\"quay.io/redis:7\"," CRIO("ImageRef") "\"" ID2 "\""));
	check(ID, CONTAINER_KUBERNETES, "shop.eu/cart-0/redis", "quay.io/redis:7@sha256:" ID2);
	/* As it was told before. */
	make_file(CRIO_FILE,
	    OCI_IN(CRIO_MANAGES "," CRIO("Image") "\"quay.io/redis:7\"",
		CRIO("Name") "\"k8s_redis_cart-0_shop_1f04-00_2\"," CRIO("ImageName") "\"\"," CRIO(
		    "ImageRef") "\"quay.io/redis@sha256:" ID2 "\""));
	check(ID, CONTAINER_KUBERNETES, "shop/cart-0/redis", "quay.io/redis:7@sha256:" ID2);
	make_file(CRIO_FILE, OCI_IN(CRIO_MANAGES, CRIO("Name") "\"k8s_redis_cart-0\""));
	check(ID, CONTAINER_KUBERNETES, "", "");
	make_file(CRIO_FILE, OCI_IN(CRIO_MANAGES, CRIO("ContainerType") "\"sandbox\""));
	assert_int_equal(container_find(root, ID, &info), 0);
	assert_true(info.holds_pod);
}

static void
check_named(const char *id, const char *cgroup, int result, enum container_engine engine)
{
	struct container_info info;

	assert_int_equal(container_find_named(root, id, cgroup, &info), result);
	if (result == 0) {
		assert_int_equal(info.engine, engine);
		assert_string_equal(info.name, id);
	}
}

/* ctr says of which image a container is to containerd only. */
static void
check_image_of_ctr(void)
{
	static const struct bolt_row rows[] = {
		{ "v1|default|containers|web|createdat", EARLY },
		{ "v1|default|containers|web|image", "shop:3" },
		{ "v1|default|images|shop:3|target|digest", "sha256:" ID },
		{ "v1|default|images|shop:3|updatedat", EARLY },
		{ "v1|default|images|shop:3|updatedat", LATE },
	};
	struct container_info info;

	make_database(DATA, rows, DS_LEN(rows) - 1);
	assert_int_equal(container_find_named(root, "web", "/default/web", &info), 0);
	assert_string_equal(info.image, "shop:3@sha256:" ID);
	/* The name was given to another image since. */
	make_database(DATA, (struct bolt_row[]){ rows[0], rows[1], rows[2], rows[4] }, 4);
	assert_int_equal(container_find_named(root, "web", "/default/web", &info), 0);
	assert_string_equal(info.image, "shop:3");
}

static void
a_name_that_somebody_chose_is_believed_when_the_runtime_says_so(void **state)
{
	(void)state;
	make_file(TASKS "/default/web/config.json",
	    "{\"linux\":{\"cgroupsPath\":\"/default/web\",\"namespaces\":[]}}");
	check_named("web", "/default/web", 0, CONTAINER_CONTAINERD);
	/* A group of that name anywhere else is somebody who would like to be it. */
	check_named("web", "/user.slice/user-1000.slice/user@1000.service/web", -ENOENT, 0);
	check_named("other", "/default/other", -ENOENT, 0);
	check_named("../web", "/default/web", -ENOENT, 0);
	check_named("", "/", -ENOENT, 0);
	check_image_of_ctr();
	make_file("/run/runc/box/state.json",
	    "{\"id\":\"box\",\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/unified/box\","
	    "\"name=systemd\":\"/sys/fs/cgroup/systemd/box\"}}");
	check_named("box", "/box", 0, CONTAINER_RUNTIME);
	check_named("box", "/user.slice/box", -ENOENT, 0);
	make_file("/run/crun/tin/status",
	    "{\"pid\":7,\"cgroup-path\":\"/system.slice/tin\",\"bundle\":\"/srv/tin\"}");
	check_named("tin", "/system.slice/tin", 0, CONTAINER_RUNTIME);
	check_named("tin", "/srv", -ENOENT, 0);
}

static void
json_that_is_cut_off_has_no_strings(void **state)
{
	static const char text[] = "{\"a\":{\"b\":\"c\\\"d\"},\"b\":\"e\"}";
	char value[8];

	(void)state;
	assert_int_equal(container_json_string(text, strlen(text), "b", 1, value, 8), 0);
	assert_string_equal(value, "e");
	assert_int_equal(container_json_string(text, strlen(text), "b", 0, value, 8), 0);
	assert_string_equal(value, "c\"d");
	assert_int_equal(
	    container_json_string(text, strlen(text), "b", 0, value, 3), -ENAMETOOLONG);
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(
		    container_json_string(text, len, "zz", 0, value, sizeof(value)), -ENOENT);
}

static void
an_engines_answer_is_read_and_anything_else_is_none(void **state)
{
	static const char good[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
				   "{\"Id\":\"x\",\"Name\":\"/web\",\"Image\":\"sha256:" ID "\","
				   "\"Config\":{\"Image\":\"shop:3\"}}";
	static const char gone[] = "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"no\"}";
	static const char other[] = "SSH-2.0-OpenSSH_9.2\r\n\r\n{\"Name\":\"/web\"}";
	struct container_info info;

	(void)state;
	assert_int_equal(engine_parse(good, strlen(good), &info), 0);
	assert_string_equal(info.name, "web");
	assert_string_equal(info.image, "shop:3@sha256:" ID);
	assert_int_equal(engine_parse(gone, strlen(gone), &info), -ENOENT);
	assert_int_equal(engine_parse(other, strlen(other), &info), -EBADMSG);
	for (size_t len = 0; len < 60; len++)
		assert_int_equal(engine_parse(good, len, &info), -EBADMSG);
}

/* ---- who asks an engine */

/* How many descriptors a process has, and whose it is, as a name. */
static void
describe(pid_t pid, char *ret, size_t size)
{
	char path[64], line[128];
	unsigned fds = 0, uid = 0;
	DIR *d;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d != NULL && readdir(d) != NULL)
		fds++;
	if (d != NULL)
		(void)closedir(d);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Uid: %u", &uid) == 1)
			break;
	if (f != NULL)
		(void)fclose(f);
	(void)snprintf(ret, size, "uid.%u.fds.%u", uid, fds - 2);
}

/* One request, answered with what is seen of who made it. */
static void
serve(int s)
{
	char request[512], name[64], answer[256];
	struct ucred who;
	socklen_t size = sizeof(who);
	int c = accept(s, NULL, NULL);

	if (c < 0 || read(c, request, sizeof(request)) <= 0 ||
	    getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		_exit(1);
	describe(who.pid, name, sizeof(name));
	(void)snprintf(answer, sizeof(answer), "HTTP/1.0 200 OK\r\n\r\n{\"Name\":\"/%s\"}", name);
	_exit(write(c, answer, strlen(answer)) != (ssize_t)strlen(answer));
}

static void
who_asks_an_engine_has_nothing_of_the_guard(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ds_conf_list list = { .len = 1 };
	struct container_info info;
	char id[80], *path = address.sun_path;
	bool answered = false;
	pid_t server;
	int s, own[2];

	(void)state;
	if (geteuid() != 0)
		skip(); /* an engine's socket is root's */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/engine", root);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s >= 0 && bind(s, (struct sockaddr *)&address, sizeof(address)) == 0);
	assert_int_equal(listen(s, 1), 0);
	server = fork();
	if (server == 0)
		serve(s);
	assert_int_equal(pipe(own), 0);
	list.items = &path;
	engine_configure(&list);
	engine_ask(ID, 0);
	for (unsigned i = 0; i < 6000 && !answered; i++) {
		answered = engine_tick(id, &info);
		(void)poll(NULL, 0, 5);
	}
	assert_true(answered);
	/* Its input and outputs, the pipe for what it learns, and the engine's socket. */
	assert_string_equal(info.name, "uid.65534.fds.5");
	engine_done();
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_int_equal(close(own[0]) + close(own[1]) + close(s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_has_a_file_for_each),
		cmocka_unit_test(docker_may_keep_its_things_elsewhere),
		cmocka_unit_test(a_restart_policy_says_whether_it_comes_back),
		cmocka_unit_test(podman_has_lists),
		cmocka_unit_test(podman_has_another_list_of_what_goes_with_its_end),
		cmocka_unit_test(podman_of_a_user_has_its_lists_in_his_home),
		cmocka_unit_test(containerd_has_namespaces),
		cmocka_unit_test(the_same_name_in_two_namespaces_is_two_containers),
		cmocka_unit_test(dockers_own_namespace_is_left_to_docker),
		cmocka_unit_test(
		    a_pods_container_is_named_by_all_three_and_has_the_digest_of_what_it_was_made_of),
		cmocka_unit_test(what_holds_a_pod_is_told_from_what_runs_in_it),
		cmocka_unit_test(a_name_that_is_too_long_goes_by_the_id),
		cmocka_unit_test(containerd_may_keep_its_things_elsewhere),
		cmocka_unit_test(small_kubernetes_keep_them_elsewhere),
		cmocka_unit_test(crio_is_told_from_podman),
		cmocka_unit_test(a_name_that_somebody_chose_is_believed_when_the_runtime_says_so),
		cmocka_unit_test(json_that_is_cut_off_has_no_strings),
		cmocka_unit_test(an_engines_answer_is_read_and_anything_else_is_none),
		cmocka_unit_test(who_asks_an_engine_has_nothing_of_the_guard),
	};
	struct CMUnitTest with[DS_LEN(tests)];

	for (size_t i = 0; i < DS_LEN(tests); i++) {
		with[i] = tests[i];
		with[i].setup_func = set_up;
		with[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests(with, NULL, NULL);
}
