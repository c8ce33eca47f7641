// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading of the modules under test: see module.h. */
#include <sys/syscall.h>

#include "module.h"
#include "test.h"

bool module_loaded(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

int module_insert(const char *name, const char *more)
{
	const char *given = strcmp(name, CORE) ? NULL : getenv("IOASID_MODULE_ARGS");
	char path[100], arguments[300];
	int fd, rc;

	snprintf(arguments, sizeof(arguments), "%s %s", given ? given : "", more);
	snprintf(path, sizeof(path), "/lib/ioasidfd/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	test_require(fd >= 0, "%s: %m", path);
	rc = syscall(SYS_finit_module, fd, arguments, 0) ? -errno : 0;
	close(fd);
	return rc;
}

int module_delete(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

void modules_reload(const char *core_arguments)
{
	int rc = module_delete(STUB);

	test_require(!rc, "unloading " STUB ": %s", strerror(-rc));
	rc = module_delete(CORE);
	test_require(!rc, "unloading " CORE ": %s", strerror(-rc));
	rc = module_insert(CORE, core_arguments);
	test_require(!rc, "loading " CORE ": %s", strerror(-rc));
	rc = module_insert(STUB, "");
	test_require(!rc, "loading " STUB ": %s", strerror(-rc));
}

void modules_restore(void)
{
	if (!module_loaded(CORE))
		module_insert(CORE, "");
	if (!module_loaded(STUB))
		module_insert(STUB, "");
}
