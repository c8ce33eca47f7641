// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl explain: everything that decides whether a context can own a device, and what to do
 * about each. Only looks. The exit status is that of the worst finding.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "holders.h"
#include "json.h"
#include "module.h"
#include "pci.h"
#include "reserved.h"
#include "show.h"

/* From good to bad. UNKNOWN and NOTE change nothing about the verdict. */
enum state {
	GOOD,
	NOTE,
	UNKNOWN,
	ACTION,
	NEVER,
};

static const struct {
	const char *word;
	const char *mark;
	enum colour colour;
} states[] = {
	[GOOD] = { "ok", "ok", GREEN },		[NOTE] = { "note", "note", DIM },
	[UNKNOWN] = { "unknown", "?", YELLOW }, [ACTION] = { "action", "do", YELLOW },
	[NEVER] = { "blocked", "no", RED },
};

/**
 * struct finding - one thing that was looked at
 * @topic: its word
 * @state: what was found
 * @text: in words
 * @remedy: what to do about it, empty if nothing
 */
struct finding {
	const char *topic;
	enum state state;
	char text[400];
	char remedy[300];
};

/**
 * struct case_file - a device and what is known about it
 * @dev: the device
 * @pci: its capabilities
 * @owners: ownership table
 * @info: the module's word, if @asked
 * @asked: it could be asked
 * @findings: so far
 */
struct case_file {
	struct device dev;
	struct pci_facts pci;
	struct owners owners;
	struct ioasid_device_info info;
	bool asked;
	ARRAY(struct finding) findings;
};

static void find(struct case_file *file, const char *topic, enum state state, const char *remedy,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void find(struct case_file *file, const char *topic, enum state state, const char *remedy,
		 const char *format, ...)
{
	struct finding *finding = array_add(&file->findings);
	va_list args;

	finding->topic = topic;
	finding->state = state;
	snprintf(finding->remedy, sizeof(finding->remedy), "%s", remedy);
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

static void look_at_module(struct case_file *file)
{
	if (module_is_loaded("ioasidfd") && module_is_loaded("ioasidfd_stub"))
		find(file, "module", GOOD, "", "ioasidfd and ioasidfd_stub are loaded");
	else
		find(file, "module", ACTION, "`modprobe ioasidfd_stub` loads both",
		     "ioasidfd%s is not loaded", module_is_loaded("ioasidfd") ? "_stub" : "");
}

static void look_at_iommu(struct case_file *file)
{
	if (file->dev.group != NO_GROUP)
		find(file, "iommu", GOOD, "", "translated by %s, group %d",
		     *file->dev.iommu ? file->dev.iommu : "an IOMMU", file->dev.group);
	else if (iommu_is_there())
		find(file, "iommu", UNKNOWN,
		     "some IOMMUs give a group when a driver asks first: `ioasidctl bind`, then look again",
		     "the machine has an IOMMU, and the device has no group");
	else
		find(file, "iommu", NEVER,
		     "switch it on: VT-d or AMD-Vi in the firmware, intel_iommu=on on the kernel's command line",
		     "this machine has no IOMMU, or it is off");
}

static void add_name(char *list, size_t size, const char *name, const char *driver)
{
	size_t at = strlen(list);

	snprintf(list + at, size - at, "%s%s (%s)", at ? ", " : "", name,
		 *driver ? driver : "no driver");
}

/* Without the table it is not known which drivers leave DMA alone: bridges' do. */
static bool is_in_the_way(const struct case_file *file, const struct device *peer)
{
	const struct member *member = member_named(&file->owners, peer->name);

	if (member)
		return member->uses_dma;
	return *peer->driver && !device_has_stub(peer) && !device_is_bridge(peer);
}

static void look_at_group(struct case_file *file)
{
	struct devices devices = devices_load();
	char all[300] = "", blockers[300] = "", command[200] = "";
	unsigned int i;

	if (file->dev.group == NO_GROUP)
		return;
	for (i = 0; i < devices.nr; i++) {
		const struct device *peer = &devices.at[i];

		if (peer->group != file->dev.group || !strcmp(peer->name, file->dev.name))
			continue;
		add_name(all, sizeof(all), peer->name, peer->driver);
		if (!is_in_the_way(file, peer))
			continue;
		add_name(blockers, sizeof(blockers), peer->name, peer->driver);
		snprintf(command + strlen(command), sizeof(command) - strlen(command), " %s",
			 peer->name);
	}
	if (*blockers)
		find(file, "group", ACTION,
		     remedy("a group has one owner: `ioasidctl bind %s%s`", file->dev.name,
			    command),
		     "shared with %s, whose drivers are in the way: %s", all, blockers);
	else if (*all)
		find(file, "group", NOTE, "", "shared with %s: one owner for all of them", all);
	else
		find(file, "group", GOOD, "", "alone in its group");
}

/* Whose DMA could reach a neighbour without passing the IOMMU. */
static void look_at_bridges(struct case_file *file, char *weak, size_t size)
{
	struct device dev = file->dev, bridge;

	while (pci_upstream(&dev, &bridge)) {
		struct pci_facts facts = pci_read(&bridge);
		size_t at = strlen(weak);

		if (facts.known && (facts.acs_on & PCI_ACS_ISOLATES) != PCI_ACS_ISOLATES)
			snprintf(weak + at, size - at, "%s%s %s", at ? ", " : "", bridge.name,
				 !facts.express ?
					 "(conventional PCI: all behind it is one requester)" :
				 !facts.acs ? "(has no ACS)" :
					      "(ACS is off)");
		dev = bridge;
	}
}

static void look_at_acs(struct case_file *file)
{
	char weak[300] = "";

	look_at_bridges(file, weak, sizeof(weak));
	if (!file->pci.known)
		find(file, "acs", UNKNOWN, "be root to read the capabilities",
		     "capabilities could not be read");
	else if (*weak)
		find(file, "acs", NOTE,
		     "another slot; or a setting of the firmware. What is behind such a bridge shares a group",
		     "not isolated by the bridges above it: %s", weak);
	else if (file->pci.multifunction && !file->pci.acs)
		find(file, "acs", NOTE,
		     "what shares the slot shares the group; use its functions together",
		     "one of several functions of its slot, without ACS between them");
	else
		find(file, "acs", GOOD, "", "nothing above it lets DMA pass to neighbours");
}

static void look_at_regions(struct case_file *file)
{
	char direct[300], relaxable[300];

	if (file->dev.group == NO_GROUP)
		return;
	if (reserved_regions(file->dev.group, RESERVED_DIRECT, direct, sizeof(direct)))
		find(file, "reserved", NEVER,
		     "use another device; a setting of the firmware may release the memory",
		     "firmware demands that the group reaches %s (RMRR, IVMD)", direct);
	else if (reserved_regions(file->dev.group, "direct-relaxable", relaxable,
				  sizeof(relaxable)))
		find(file, "reserved", NOTE, "", "%s is mapped for kernel drivers only", relaxable);
	else
		find(file, "reserved", GOOD, "", "firmware demands no memory for it");
}

static void look_at_interrupts(struct case_file *file)
{
	int isolated = interrupts_are_isolated();

	if (isolated > 0)
		find(file, "interrupts", GOOD, "", "isolated: interrupts are remapped");
	else if (isolated < 0 || !device_is_pci(&file->dev))
		find(file, "interrupts", UNKNOWN, "if binding it fails with EPERM they are not",
		     "whether they are isolated cannot be seen from here");
	else if (*module_parameter("allow_unsafe_interrupts") == 'Y')
		find(file, "interrupts", NOTE, "",
		     "not isolated, and allow_unsafe_interrupts accepts that");
	else
		find(file, "interrupts", NEVER,
		     "switch interrupt remapping on (firmware, intremap=on), or accept it: module parameter allow_unsafe_interrupts=1",
		     "not isolated: the device could forge any interrupt");
}

static void look_at_pasid(struct case_file *file)
{
	struct ioasid_info info;

	if (file->asked && file->info.out_capabilities & IOASID_DEVICE_CAP_PASID)
		find(file, "pasid", GOOD, "", "yes, numbers below %u", file->info.out_max_pasids);
	else if (!file->pci.known && device_is_pci(&file->dev))
		find(file, "pasid", UNKNOWN, "be root to read the capabilities",
		     "capabilities could not be read");
	else if (device_is_pci(&file->dev) && !file->pci.pasid)
		find(file, "pasid", NOTE,
		     "it can have one address space, for its RID; PASIDs need another device",
		     "the device has no PASID capability");
	else if (!module_info(&info) && !(info.out_capabilities & IOASID_CAP_PASID))
		find(file, "pasid", NOTE, "boot Linux 6.12 or newer",
		     "this kernel has no address spaces for PASIDs");
	else if (file->asked)
		find(file, "pasid", NOTE, "scalable mode for VT-d: intel_iommu=on,sm_on",
		     "the IOMMU gives the device no PASIDs");
	else if (device_is_pci(&file->dev))
		find(file, "pasid", NOTE, "`ioasidctl bind` it, then look again",
		     "the device has %u bits; the IOMMU has the last word", file->pci.pasid_width);
	else
		find(file, "pasid", UNKNOWN, "`ioasidctl bind` it, then look again",
		     "only known of a device that is with the stub driver");
}

static void look_at_ats(struct case_file *file)
{
	if (!file->pci.known)
		return;
	find(file, "ats", NOTE, "", "%s",
	     !file->pci.ats   ? "the device caches no translations" :
	     file->pci.ats_on ? "the device caches translations, switched on" :
				"the device could cache translations, switched off");
	find(file, "pri", NOTE, "", "%s",
	     !file->pci.pri ?
		     "the device sends no page requests: its memory has to be mapped before" :
	     file->pci.pri_on ? "the device sends page requests, switched on" :
				"the device could send page requests, switched off");
}

static void look_at_reset(struct case_file *file)
{
	if (file->asked && file->info.out_capabilities & IOASID_DEVICE_CAP_RESET)
		find(file, "reset", GOOD, "", "reset before the kernel gets it back");
	else if (file->asked)
		find(file, "reset", NOTE, "the next driver has to cope with what was left in it",
		     "cannot be reset, only stopped");
	else if (device_is_pci(&file->dev) && file->pci.known)
		find(file, "reset", NOTE, "", "%s",
		     file->pci.flr ? "function level reset" :
				     "no reset of the function alone; perhaps one of its bus");
}

static void look_at_driver(struct case_file *file)
{
	const struct device *dev = &file->dev;

	if (device_is_bridge(dev))
		find(file, "driver", NEVER, "use the devices behind it",
		     "a bridge cannot be bound");
	else if (device_has_stub(dev))
		find(file, "driver", GOOD, "", "with the stub driver, %s", device_node(dev));
	else
		find(file, "driver", ACTION, remedy("`ioasidctl bind %s`", dev->name), "%s%s",
		     *dev->driver ? "in use by driver " : "no driver has it", dev->driver);
}

static void look_at_owner(struct case_file *file)
{
	const struct owner *owner = owner_of_group(&file->owners, file->dev.group);

	if (file->dev.group == NO_GROUP)
		return;
	if (!owner)
		find(file, "owner", UNKNOWN, "load the module, and be root", "not known");
	else if (!strcmp(owner->state, "context"))
		find(file, "owner", ACTION, "end that process, or let it unbind the device",
		     "owned by %s", owner_text(owner));
	else if (!strcmp(owner->state, "other"))
		find(file, "owner", ACTION, "end the program that uses it, and unbind that driver",
		     "owned by another framework: %s", owner_text(owner));
	else if (!strcmp(owner->state, "kernel"))
		find(file, "owner", NOTE, "", "the kernel: %s", owner_text(owner));
	else
		find(file, "owner", GOOD, "", "%s", owner_text(owner));
}

static void look_at_holders(struct case_file *file)
{
	struct holders holders = holders_of(&file->dev);
	unsigned int i;

	for (i = 0; i < holders.nr; i++)
		find(file, "use", ACTION, holders.at[i].remedy, "%s", holders.at[i].text);
	if (!holders.nr)
		find(file, "use", GOOD, "",
		     "no mounted file system, default route, console or program needs it");
}

static enum state worst(const struct case_file *file)
{
	enum state state = GOOD;
	unsigned int i;

	for (i = 0; i < file->findings.nr; i++)
		if (file->findings.at[i].state >= ACTION && file->findings.at[i].state > state)
			state = file->findings.at[i].state;
	return state;
}

static const char *verdict(enum state state)
{
	return state == NEVER ? "blocked" : state == ACTION ? "action" : "usable";
}

static void show_json(const struct case_file *file)
{
	unsigned int i;

	json_object("device");
	json_device(&file->dev);
	json_end();
	json_string("verdict", verdict(worst(file)));
	json_array("findings");
	for (i = 0; i < file->findings.nr; i++) {
		const struct finding *finding = &file->findings.at[i];

		json_object(NULL);
		json_string("topic", finding->topic);
		json_string("state", states[finding->state].word);
		json_string("text", finding->text);
		json_string("remedy", finding->remedy);
		json_end();
	}
	json_end();
	json_finish();
}

static void show_finding(const struct finding *finding)
{
	printf("  %-10s  ", finding->topic);
	print_coloured(states[finding->state].colour, states[finding->state].mark);
	printf("%*s  %s\n", (int)(4 - strlen(states[finding->state].mark)), "",
	       printable(finding->text));
	if (*finding->remedy) {
		printf("%20s", "");
		print_coloured(DIM, finding->remedy);
		putchar('\n');
	}
}

static void show_text(const struct case_file *file)
{
	static const char *const verdicts[] = {
		[GOOD] = "can be used",
		[ACTION] = "can be used after what is marked \"do\"",
		[NEVER] = "cannot be used: see what is marked \"no\"",
	};
	enum state state = worst(file);
	unsigned int i;

	print_coloured(BOLD, file->dev.name);
	if (device_is_pci(&file->dev))
		printf("  %04x:%04x", file->dev.vendor, file->dev.product);
	printf("  %s: ", device_kind(&file->dev));
	print_coloured(states[state].colour, verdicts[state]);
	putchar('\n');
	for (i = 0; i < file->findings.nr; i++)
		show_finding(&file->findings.at[i]);
}

int command_explain(const struct request *request)
{
	struct case_file file = { .dev = device_named(request->args[0]) };
	enum state state;

	file.owners = owners_load();
	if (device_is_pci(&file.dev))
		file.pci = pci_read(&file.dev);
	file.asked = device_has_stub(&file.dev) && !module_device_info(&file.dev, &file.info);
	look_at_module(&file);
	look_at_iommu(&file);
	look_at_group(&file);
	if (device_is_pci(&file.dev))
		look_at_acs(&file);
	look_at_regions(&file);
	look_at_interrupts(&file);
	look_at_pasid(&file);
	look_at_ats(&file);
	look_at_reset(&file);
	look_at_driver(&file);
	look_at_owner(&file);
	look_at_holders(&file);
	if (output_json)
		show_json(&file);
	else
		show_text(&file);
	state = worst(&file);
	return state == NEVER ? STATUS_IMPOSSIBLE : state == ACTION ? STATUS_IN_USE : STATUS_OK;
}
