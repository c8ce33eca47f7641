/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: events/ioasidfd in tracefs. They name address spaces by IOASID and groups by number,
 * and carry no kernel address.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ioasidfd

#if !defined(IOASIDFD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define IOASIDFD_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(ioasidfd_ioas, TP_PROTO(u32 ioasid), TP_ARGS(ioasid),
		    TP_STRUCT__entry(__field(u32, ioasid)),
		    TP_fast_assign(__entry->ioasid = ioasid;),
		    TP_printk("ioasid=%u", __entry->ioasid));

DEFINE_EVENT(ioasidfd_ioas, ioasidfd_alloc, TP_PROTO(u32 ioasid), TP_ARGS(ioasid));
DEFINE_EVENT(ioasidfd_ioas, ioasidfd_free, TP_PROTO(u32 ioasid), TP_ARGS(ioasid));

TRACE_EVENT(ioasidfd_map, TP_PROTO(u32 ioasid, u64 start, u64 last, u32 flags),
	    TP_ARGS(ioasid, start, last, flags),
	    TP_STRUCT__entry(__field(u32, ioasid) __field(u32, flags) __field(u64, start)
				     __field(u64, last)),
	    TP_fast_assign(__entry->ioasid = ioasid; __entry->flags = flags; __entry->start = start;
			   __entry->last = last;),
	    TP_printk("ioasid=%u iova=0x%llx-0x%llx flags=%s%s", __entry->ioasid, __entry->start,
		      __entry->last, __entry->flags & 1 ? "r" : "", __entry->flags & 2 ? "w" : ""));

TRACE_EVENT(ioasidfd_unmap, TP_PROTO(u32 ioasid, u64 start, u64 bytes),
	    TP_ARGS(ioasid, start, bytes),
	    TP_STRUCT__entry(__field(u32, ioasid) __field(u64, start) __field(u64, bytes)),
	    TP_fast_assign(__entry->ioasid = ioasid; __entry->start = start;
			   __entry->bytes = bytes;),
	    TP_printk("ioasid=%u first=0x%llx bytes=0x%llx", __entry->ioasid, __entry->start,
		      __entry->bytes));

DECLARE_EVENT_CLASS(
	ioasidfd_source, TP_PROTO(u32 ioasid, int group, u32 pasid), TP_ARGS(ioasid, group, pasid),
	TP_STRUCT__entry(__field(u32, ioasid) __field(int, group) __field(u32, pasid)),
	TP_fast_assign(__entry->ioasid = ioasid; __entry->group = group; __entry->pasid = pasid;),
	TP_printk("ioasid=%u group=%d pasid=%u", __entry->ioasid, __entry->group, __entry->pasid));

DEFINE_EVENT(ioasidfd_source, ioasidfd_attach, TP_PROTO(u32 ioasid, int group, u32 pasid),
	     TP_ARGS(ioasid, group, pasid));
DEFINE_EVENT(ioasidfd_source, ioasidfd_detach, TP_PROTO(u32 ioasid, int group, u32 pasid),
	     TP_ARGS(ioasid, group, pasid));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
