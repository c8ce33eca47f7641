/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls as functions, three of each:
 *
 *   t_map(fd, .ioasid = id, ...)             0 or -errno
 *   ok_map(fd, .ioasid = id, ...)            must succeed; the structure as the kernel left it
 *   err_map(EEXIST, fd, .ioasid = id, ...)   must fail with this errno; ditto
 *
 * Members that are not named are zero, @size is filled in.
 */
#ifndef IOASID_TEST_CALL_H
#define IOASID_TEST_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/ioasidfd.h>

/* X(name, structure, request) */
#define IOASID_CONTEXT_CALLS(X)                           \
	X(info, ioasid_info, IOASID_GET_INFO)             \
	X(alloc, ioasid_alloc, IOASID_ALLOC)              \
	X(free, ioasid_free, IOASID_FREE)                 \
	X(map, ioasid_map, IOASID_MAP)                    \
	X(unmap, ioasid_unmap, IOASID_UNMAP)              \
	X(ranges, ioasid_iova_ranges, IOASID_IOVA_RANGES) \
	X(query, ioasid_query, IOASID_QUERY)              \
	X(copy, ioasid_copy, IOASID_COPY)                 \
	X(map_file, ioasid_map_file, IOASID_MAP_FILE)     \
	X(sync, ioasid_sync, IOASID_SYNC)                 \
	X(batch, ioasid_batch, IOASID_BATCH)

#define IOASID_DEVICE_CALLS(X)                                        \
	X(dev_info, ioasid_device_info, IOASID_DEVICE_GET_INFO)       \
	X(dev_region, ioasid_device_region, IOASID_DEVICE_GET_REGION) \
	X(dev_owner, ioasid_device_owner, IOASID_DEVICE_GET_OWNER)    \
	X(bind, ioasid_device_bind, IOASID_DEVICE_BIND)               \
	X(unbind, ioasid_device_unbind, IOASID_DEVICE_UNBIND)         \
	X(allow, ioasid_device_allow, IOASID_DEVICE_ALLOW)            \
	X(disallow, ioasid_device_disallow, IOASID_DEVICE_DISALLOW)   \
	X(replace, ioasid_device_replace, IOASID_DEVICE_REPLACE)

#define IOASID_CALLS(X) IOASID_CONTEXT_CALLS(X) IOASID_DEVICE_CALLS(X)

/* Any request with any argument: 0 or -errno. */
int call_raw(int fd, unsigned long request, void *argument);

/*
 * The next call but IOASID_GET_INFO finds its argument where it can only be read; and whether there
 * was one since.
 */
void call_next_without_reply(bool wanted);
bool call_was_without_reply(void);

/* "EINVAL" for EINVAL. */
const char *call_errname(int error);

#define X(name, type, request)                                                                \
	int call_##name(int fd, struct type *argument);                                       \
	struct type call_ok_##name(const char *file, int line, int fd, struct type argument); \
	struct type call_err_##name(const char *file, int line, int error, int fd,            \
				    struct type argument);
IOASID_CALLS(X)
#undef X

#define CALL_ARG(type, ...) ((struct type){ .size = sizeof(struct type), __VA_ARGS__ })
#define CALL_T(name, type, fd, ...) call_##name(fd, &CALL_ARG(type, __VA_ARGS__))
#define CALL_OK(name, type, fd, ...) \
	call_ok_##name(__FILE__, __LINE__, fd, CALL_ARG(type, __VA_ARGS__))
#define CALL_ERR(name, type, error, fd, ...) \
	call_err_##name(__FILE__, __LINE__, error, fd, CALL_ARG(type, __VA_ARGS__))

#define t_info(fd, ...) CALL_T(info, ioasid_info, fd, __VA_ARGS__)
#define t_alloc(fd, ...) CALL_T(alloc, ioasid_alloc, fd, __VA_ARGS__)
#define t_free(fd, ...) CALL_T(free, ioasid_free, fd, __VA_ARGS__)
#define t_map(fd, ...) CALL_T(map, ioasid_map, fd, __VA_ARGS__)
#define t_unmap(fd, ...) CALL_T(unmap, ioasid_unmap, fd, __VA_ARGS__)
#define t_ranges(fd, ...) CALL_T(ranges, ioasid_iova_ranges, fd, __VA_ARGS__)
#define t_query(fd, ...) CALL_T(query, ioasid_query, fd, __VA_ARGS__)
#define t_copy(fd, ...) CALL_T(copy, ioasid_copy, fd, __VA_ARGS__)
#define t_map_file(fd, ...) CALL_T(map_file, ioasid_map_file, fd, __VA_ARGS__)
#define t_sync(fd, ...) CALL_T(sync, ioasid_sync, fd, __VA_ARGS__)
#define t_batch(fd, ...) CALL_T(batch, ioasid_batch, fd, __VA_ARGS__)
#define t_dev_info(fd, ...) CALL_T(dev_info, ioasid_device_info, fd, __VA_ARGS__)
#define t_dev_region(fd, ...) CALL_T(dev_region, ioasid_device_region, fd, __VA_ARGS__)
#define t_dev_owner(fd, ...) CALL_T(dev_owner, ioasid_device_owner, fd, __VA_ARGS__)
#define t_bind(fd, ...) CALL_T(bind, ioasid_device_bind, fd, __VA_ARGS__)
#define t_unbind(fd, ...) CALL_T(unbind, ioasid_device_unbind, fd, __VA_ARGS__)
#define t_allow(fd, ...) CALL_T(allow, ioasid_device_allow, fd, __VA_ARGS__)
#define t_disallow(fd, ...) CALL_T(disallow, ioasid_device_disallow, fd, __VA_ARGS__)
#define t_replace(fd, ...) CALL_T(replace, ioasid_device_replace, fd, __VA_ARGS__)

#define ok_info(fd, ...) CALL_OK(info, ioasid_info, fd, __VA_ARGS__)
#define ok_alloc(fd, ...) CALL_OK(alloc, ioasid_alloc, fd, __VA_ARGS__)
#define ok_free(fd, ...) CALL_OK(free, ioasid_free, fd, __VA_ARGS__)
#define ok_map(fd, ...) CALL_OK(map, ioasid_map, fd, __VA_ARGS__)
#define ok_unmap(fd, ...) CALL_OK(unmap, ioasid_unmap, fd, __VA_ARGS__)
#define ok_ranges(fd, ...) CALL_OK(ranges, ioasid_iova_ranges, fd, __VA_ARGS__)
#define ok_query(fd, ...) CALL_OK(query, ioasid_query, fd, __VA_ARGS__)
#define ok_copy(fd, ...) CALL_OK(copy, ioasid_copy, fd, __VA_ARGS__)
#define ok_map_file(fd, ...) CALL_OK(map_file, ioasid_map_file, fd, __VA_ARGS__)
#define ok_sync(fd, ...) CALL_OK(sync, ioasid_sync, fd, __VA_ARGS__)
#define ok_batch(fd, ...) CALL_OK(batch, ioasid_batch, fd, __VA_ARGS__)
#define ok_dev_info(fd, ...) CALL_OK(dev_info, ioasid_device_info, fd, __VA_ARGS__)
#define ok_dev_region(fd, ...) CALL_OK(dev_region, ioasid_device_region, fd, __VA_ARGS__)
#define ok_dev_owner(fd, ...) CALL_OK(dev_owner, ioasid_device_owner, fd, __VA_ARGS__)
#define ok_bind(fd, ...) CALL_OK(bind, ioasid_device_bind, fd, __VA_ARGS__)
#define ok_unbind(fd, ...) CALL_OK(unbind, ioasid_device_unbind, fd, __VA_ARGS__)
#define ok_allow(fd, ...) CALL_OK(allow, ioasid_device_allow, fd, __VA_ARGS__)
#define ok_disallow(fd, ...) CALL_OK(disallow, ioasid_device_disallow, fd, __VA_ARGS__)
#define ok_replace(fd, ...) CALL_OK(replace, ioasid_device_replace, fd, __VA_ARGS__)

#define err_info(error, fd, ...) CALL_ERR(info, ioasid_info, error, fd, __VA_ARGS__)
#define err_alloc(error, fd, ...) CALL_ERR(alloc, ioasid_alloc, error, fd, __VA_ARGS__)
#define err_free(error, fd, ...) CALL_ERR(free, ioasid_free, error, fd, __VA_ARGS__)
#define err_map(error, fd, ...) CALL_ERR(map, ioasid_map, error, fd, __VA_ARGS__)
#define err_unmap(error, fd, ...) CALL_ERR(unmap, ioasid_unmap, error, fd, __VA_ARGS__)
#define err_ranges(error, fd, ...) CALL_ERR(ranges, ioasid_iova_ranges, error, fd, __VA_ARGS__)
#define err_query(error, fd, ...) CALL_ERR(query, ioasid_query, error, fd, __VA_ARGS__)
#define err_copy(error, fd, ...) CALL_ERR(copy, ioasid_copy, error, fd, __VA_ARGS__)
#define err_map_file(error, fd, ...) CALL_ERR(map_file, ioasid_map_file, error, fd, __VA_ARGS__)
#define err_sync(error, fd, ...) CALL_ERR(sync, ioasid_sync, error, fd, __VA_ARGS__)
#define err_batch(error, fd, ...) CALL_ERR(batch, ioasid_batch, error, fd, __VA_ARGS__)
#define err_dev_info(error, fd, ...) CALL_ERR(dev_info, ioasid_device_info, error, fd, __VA_ARGS__)
#define err_dev_region(error, fd, ...) \
	CALL_ERR(dev_region, ioasid_device_region, error, fd, __VA_ARGS__)
#define err_dev_owner(error, fd, ...) \
	CALL_ERR(dev_owner, ioasid_device_owner, error, fd, __VA_ARGS__)
#define err_bind(error, fd, ...) CALL_ERR(bind, ioasid_device_bind, error, fd, __VA_ARGS__)
#define err_unbind(error, fd, ...) CALL_ERR(unbind, ioasid_device_unbind, error, fd, __VA_ARGS__)
#define err_allow(error, fd, ...) CALL_ERR(allow, ioasid_device_allow, error, fd, __VA_ARGS__)
#define err_disallow(error, fd, ...) \
	CALL_ERR(disallow, ioasid_device_disallow, error, fd, __VA_ARGS__)
#define err_replace(error, fd, ...) CALL_ERR(replace, ioasid_device_replace, error, fd, __VA_ARGS__)

/* Often used on their own. */
int context_open(void); /* open("/dev/ioasid"), close on exec */
uint32_t ioasid_new(int fd); /* out_ioasid of ok_alloc() */
uint32_t ioasid_new_deferred(int fd); /* the same, with IOASID_ALLOC_DEFERRED_FLUSH */
bool can_map_files(int fd); /* IOASID_CAP_MAP_FILE */

/*
 * Everything that is mapped in an IOASID, one line per mapping, as QUERY lists it: for comparing
 * before and after. The answer is in static storage, one of two in turn.
 */
const char *ioasid_listing(int fd, uint32_t ioasid);

#endif
