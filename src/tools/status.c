// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl status: the module, what this kernel can do, the IOMMU, limits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "contexts.h"
#include "files.h"
#include "json.h"
#include "module.h"
#include "output.h"
#include "owners.h"

/**
 * struct facts - what is shown
 * @core: the core module is loaded
 * @stub: the stub module is loaded
 * @version: of the core
 * @release: of the kernel
 * @asked: GET_INFO could be asked
 * @info: its answer
 * @error: or why not
 * @owners: ownership table
 * @units: IOMMUs, with spaces between
 * @groups: IOMMU groups
 * @isolated: see interrupts_are_isolated()
 * @bound: devices that are with a stub driver
 * @contexts: that are open
 */
struct facts {
	bool core;
	bool stub;
	char version[64];
	char release[128];
	bool asked;
	struct ioasid_info info;
	int error;
	struct owners owners;
	char units[500];
	unsigned int groups;
	int isolated;
	unsigned int bound;
	unsigned int contexts;
};

static void add_unit(const char *name, void *data)
{
	struct facts *facts = data;
	size_t at = strlen(facts->units);

	snprintf(facts->units + at, sizeof(facts->units) - at, "%s%s", at ? " " : "", name);
}

static void count_group(const char *name, void *data)
{
	struct facts *facts = data;

	(void)name;
	facts->groups++;
}

static unsigned int count_bound(void)
{
	struct devices devices = devices_load();
	unsigned int bound = 0, i;

	for (i = 0; i < devices.nr; i++)
		bound += device_has_stub(&devices.at[i]);
	return bound;
}

static void gather(struct facts *facts)
{
	*facts = (struct facts){ 0 };
	facts->core = module_is_loaded("ioasidfd");
	facts->stub = module_is_loaded("ioasidfd_stub");
	file_line(path_of("/sys/module/ioasidfd/version"), facts->version, sizeof(facts->version));
	file_line(path_of("/proc/sys/kernel/osrelease"), facts->release, sizeof(facts->release));
	each_entry(path_of("/sys/class/iommu"), add_unit, facts);
	each_entry(path_of("/sys/kernel/iommu_groups"), count_group, facts);
	facts->isolated = interrupts_are_isolated();
	facts->bound = count_bound();
	facts->contexts = contexts_load().nr;
	if (!facts->core)
		return;
	facts->error = module_info(&facts->info);
	facts->asked = !facts->error;
	facts->owners = owners_load();
}

static void json_capabilities(const struct facts *facts)
{
	const struct module_capability *capability;

	json_array("capabilities");
	for (capability = module_capabilities; capability->name && facts->asked; capability++) {
		json_object(NULL);
		json_string("name", capability->name);
		json_bool("available", facts->info.out_capabilities & capability->bit);
		json_end();
	}
	json_end();
}

static void json_units(const struct facts *facts)
{
	char units[sizeof(facts->units)], *name, *save;

	snprintf(units, sizeof(units), "%s", facts->units);
	json_array("units");
	for (name = strtok_r(units, " ", &save); name; name = strtok_r(NULL, " ", &save))
		json_string(NULL, name);
	json_end();
}

static void json_limits(const struct facts *facts)
{
	const struct ioasid_info *info = &facts->info;
	char *end;
	const char *quota = module_parameter("pasids_per_user");
	unsigned long long pasids = strtoull(quota, &end, 10);

	json_object("limits");
	json_number_or_null("max_ioasids", facts->asked, info->out_max_ioasids);
	json_number_or_null("iova_alignment", facts->asked, info->out_iova_alignment);
	json_number_or_null("locked_bytes", facts->asked, info->out_locked_bytes);
	json_number_or_null("locked_limit_bytes", facts->asked && ~info->out_locked_limit_bytes,
			    info->out_locked_limit_bytes);
	json_number_or_null("pasids_per_user", end != quota, pasids);
	json_end();
}

static void json_hook(const struct facts *facts)
{
	bool there = facts->core && !facts->owners.error;

	json_object("hook");
	if (there)
		json_bool("active", facts->owners.hook);
	else
		json_null("active");
	json_number_or_null("requests", there, facts->owners.requests);
	json_number_or_null("refusals", there, facts->owners.refusals);
	json_number_or_null("cleanups", there, facts->owners.cleanups);
	json_number_or_null("missed", there, facts->owners.missed);
	json_end();
}

static void show_json(const struct facts *facts)
{
	json_object("module");
	json_bool("loaded", facts->core);
	json_bool("stub_loaded", facts->stub);
	json_string("version", facts->version);
	json_number_or_null("abi", facts->asked, facts->info.out_abi_version);
	json_bool("allow_unsafe_interrupts", *module_parameter("allow_unsafe_interrupts") == 'Y');
	json_end();
	json_object("kernel");
	json_string("release", facts->release);
	json_capabilities(facts);
	json_end();
	json_object("iommu");
	json_units(facts);
	json_number("groups", facts->groups);
	if (facts->isolated < 0)
		json_null("interrupts_isolated");
	else
		json_bool("interrupts_isolated", facts->isolated);
	json_end();
	json_limits(facts);
	json_hook(facts);
	json_number("devices_bound", facts->bound);
	json_number("contexts", facts->contexts);
	json_finish();
}

static void row(const char *what, enum colour colour, const char *text, const char *remark)
{
	table_cell(BOLD, "%s", what);
	table_cell(colour, "%s", text);
	table_cell(DIM, "%s", *remark ? remark : " ");
}

static void show_module(const struct facts *facts)
{
	const char *todo = "`modprobe ioasidfd_stub` loads both";

	if (facts->core)
		row("ioasidfd", GREEN, "loaded", *facts->version ? facts->version : "");
	else
		row("ioasidfd", RED, "not loaded", todo);
	if (facts->stub)
		row("ioasidfd_stub", GREEN, "loaded", "");
	else
		row("ioasidfd_stub", RED, "not loaded", todo);
}

static void show_iommu(const struct facts *facts)
{
	char text[40];

	if (*facts->units)
		row("IOMMU", GREEN, facts->units, "");
	else
		row("IOMMU", facts->groups ? YELLOW : RED, facts->groups ? "not named" : "none",
		    facts->groups ?
			    "" :
			    "switch it on: intel_iommu=on, and VT-d or AMD-Vi in the firmware");
	snprintf(text, sizeof(text), "%u", facts->groups);
	row("IOMMU groups", PLAIN, text, "");
	if (facts->isolated < 0)
		row("interrupts", YELLOW, "unknown",
		    "whether they are isolated cannot be seen from here");
	else if (facts->isolated)
		row("interrupts", GREEN, "isolated", "");
	else
		row("interrupts",
		    *module_parameter("allow_unsafe_interrupts") == 'Y' ? YELLOW : RED,
		    "not isolated",
		    "switch interrupt remapping on, or accept it: allow_unsafe_interrupts=1");
}

static void show_capabilities(const struct facts *facts)
{
	const struct module_capability *capability;

	for (capability = module_capabilities; capability->name; capability++) {
		bool there = facts->info.out_capabilities & capability->bit;
		char remark[200];

		snprintf(remark, sizeof(remark), "%s%s%s", capability->meaning, there ? "" : ": ",
			 there ? "" : capability->missing);
		row(capability->name, there ? GREEN : YELLOW, there ? "yes" : "no", remark);
	}
}

static void show_limits(const struct facts *facts)
{
	const struct ioasid_info *info = &facts->info;
	char text[60];

	snprintf(text, sizeof(text), "%u", info->out_max_ioasids);
	row("IOASIDs", PLAIN, text, "of one context");
	row("pinned memory", PLAIN, bytes_text(info->out_locked_bytes), "charged to you");
	row("limit", PLAIN,
	    ~info->out_locked_limit_bytes ? bytes_text(info->out_locked_limit_bytes) : "none",
	    "of pinned memory (ulimit -l)");
	row("PASIDs", PLAIN, module_parameter("pasids_per_user"), "of one user");
}

static void show_use(const struct facts *facts)
{
	char text[60];

	if (facts->core && !facts->owners.error) {
		snprintf(text, sizeof(text), "%llu refused", facts->owners.refusals);
		row("hook", facts->owners.hook ? GREEN : YELLOW, facts->owners.hook ? "on" : "off",
		    text);
	}
	snprintf(text, sizeof(text), "%u", facts->bound);
	row("devices", PLAIN, text, "with a stub driver");
	snprintf(text, sizeof(text), "%u", facts->contexts);
	row("contexts", PLAIN, text, "that you can see");
}

static void show_text(const struct facts *facts)
{
	table_start("lll");
	show_module(facts);
	row("kernel", PLAIN, facts->release, "");
	show_iommu(facts);
	if (facts->asked) {
		show_capabilities(facts);
		show_limits(facts);
	} else if (facts->core) {
		row("/dev/ioasid", YELLOW, strerror(-facts->error),
		    "what it says is left out: be root, or in its group");
	}
	show_use(facts);
	table_print();
}

int command_status(const struct request *request)
{
	struct facts facts;

	(void)request;
	gather(&facts);
	if (output_json)
		show_json(&facts);
	else
		show_text(&facts);
	return facts.core && facts.stub ? STATUS_OK : STATUS_NO_MODULE;
}
