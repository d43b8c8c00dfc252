/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SQLite backend on a disk that fails: the 1st, 2nd, 3rd... write or sync of a transaction,
 * until it succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/contract/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* A VFS that passes everything on to the real one and fails one call. */
struct shim_file {
	sqlite3_file base; /* first */
	sqlite3_file *real;
};

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;
static sqlite3_io_methods shim_methods;
static int fail_in;   /* calls until one fails; 0: none */
static int fail_with; /* SQLite's code */
static bool fail_on;  /* every call from then on, as on a full disk */
static unsigned failed;

static sqlite3_file *
real_of(sqlite3_file *f)
{
	return ((struct shim_file *)f)->real;
}

static int
fault(void)
{
	if (fail_in == 0 || --fail_in > 0)
		return SQLITE_OK;
	if (fail_on)
		fail_in = 1;
	failed++;
	return fail_with;
}

static int
shim_close(sqlite3_file *f)
{
	int r = real_of(f)->pMethods->xClose(real_of(f));

	free(real_of(f));
	return r;
}

static int
shim_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at)
{
	int r = fault();

	return r ? r : real_of(f)->pMethods->xWrite(real_of(f), data, size, at);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	int r = fault();

	/* A sync that fails says nothing about a full disk. */
	return r ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int
shim_read(sqlite3_file *f, void *data, int size, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), data, size, at);
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int
shim_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int
shim_check_lock(sqlite3_file *f, int *ret)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int
shim_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int
shim_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int
shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void
shim_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int
shim_unmap(sqlite3_file *f, int remove)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct shim_file *file = (struct shim_file *)f;
	int r;

	(void)vfs;
	*file = (struct shim_file){ 0 };
	file->real = calloc(1, (size_t)real_vfs->szOsFile);
	r = real_vfs->xOpen(real_vfs, name, file->real, flags, ret_flags);
	if (file->real->pMethods)
		file->base.pMethods = &shim_methods;
	else
		free(file->real);
	return r;
}

static int
install_shim(void **state)
{
	(void)state;
	shim_methods =
	    (sqlite3_io_methods){ 2, shim_close, shim_read, shim_write, shim_truncate, shim_sync,
		    shim_size, shim_lock, shim_unlock, shim_check_lock, shim_control, shim_sector,
		    shim_device, shim_map, shim_shm_lock, shim_barrier, shim_unmap, NULL, NULL };
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "shim";
	shim.szOsFile = sizeof(struct shim_file);
	shim.xOpen = shim_open;
	shim.pNext = NULL;
	return sqlite3_vfs_register(&shim, 1) == SQLITE_OK ? 0 : -1;
}

static int
write_both_planes(struct fixture *f, uint64_t seq)
{
	struct segment_row segment = fixture_segment(f, 1, 5, seq);
	struct finding_row finding = { .id = "fnd_1",
		.alert_id = "alr_1",
		.host = 1,
		.daemon = "d",
		.kind = "new_child",
		.json = "{}" };
	struct host_row host = fixture_host(1);
	int r = f->backend->begin(f->store);

	if (r < 0)
		return r;
	r = f->backend->host_put(f->store, &host);
	if (r >= 0)
		r = f->backend->finding_put(f->store, &finding);
	if (r >= 0)
		r = f->backend->segment_put(f->store, &segment);
	if (r < 0) {
		f->backend->rollback(f->store);
		return r;
	}
	return f->backend->commit(f->store);
}

static void
try_every_fault(struct fixture *f, int code, bool on, uint64_t *seq)
{
	struct segment_filter all = { 0 };
	int r = -1;

	for (int n = 1; r < 0; n++) {
		unsigned before;

		assert_true(n < 1000);
		before = fixture_count(f, &all, NULL);
		fail_in = n;
		fail_with = code;
		fail_on = on;
		r = write_both_planes(f, *seq);
		fail_in = 0;
		if (r < 0 && code == SQLITE_FULL)
			assert_true(r == -ENOSPC || r == -EIO);
		if (r < 0)
			assert_int_equal(fixture_count(f, &all, NULL), before);
	}
	++*seq;
}

static void
check_after(struct fixture *f, uint64_t seq)
{
	struct segment_filter all = { 0 };
	struct ds_cursor c;

	assert_int_equal(fixture_count(f, &all, NULL), seq - 1);
	assert_int_equal(f->backend->reader_cursor(fixture_reader(f), 1, DS_LANE_BULK, &c), 0);
	assert_int_equal(c.seq, seq - 1);
}

static void
a_disk_that_fills_costs_nothing_once_it_has_space(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 1;

	failed = 0;
	try_every_fault(f, SQLITE_FULL, true, &seq);
	try_every_fault(f, SQLITE_FULL, true, &seq);
	fixture_clock_us += 86400000000ull; /* the change of day, too */
	try_every_fault(f, SQLITE_FULL, true, &seq);
	assert_true(failed > 10);
	check_after(f, seq);
	fixture_reopen(f);
	check_after(f, seq);
}

static void
a_write_that_fails_once_is_tried_again(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 1;

	try_every_fault(f, SQLITE_IOERR_WRITE, false, &seq);
	fixture_clock_us += 86400000000ull;
	try_every_fault(f, SQLITE_IOERR_WRITE, false, &seq);
	check_after(f, seq);
	fixture_reopen(f);
	check_after(f, seq);
}

static int
setup_sqlite(void **state)
{
	*state = NULL; /* the first backend */
	return fixture_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_disk_that_fills_costs_nothing_once_it_has_space,
		    setup_sqlite, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    a_write_that_fails_once_is_tried_again, setup_sqlite, fixture_teardown),
	};

	return cmocka_run_group_tests_name("store faults", tests, install_shim, NULL);
}
