// SPDX-License-Identifier: GPL-2.0-only
/* The command line of ioasidctl. Knows the commands' names and which options each one takes. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "command.h"
#include "files.h"
#include "json.h"
#include "output.h"

/**
 * struct command - one of them
 * @name: how it is called
 * @run: what it does
 * @least: how many arguments it takes at least
 * @most: and at most
 * @options: letters of those it takes besides the common ones
 * @arguments: for the help
 * @help: likewise
 */
static const struct command {
	const char *name;
	int (*run)(const struct request *request);
	int least;
	int most;
	const char *options;
	const char *arguments;
	const char *help;
} commands[] = {
	{ "status", command_status, 0, 0, "", "", "the module, this kernel, the IOMMU, limits" },
	{ "list", command_list, 0, 0, "", "", "devices, their drivers and owners" },
	{ "tree", command_tree, 0, 0, "", "", "groups, devices, contexts, IOASIDs, PASIDs" },
	{ "bind", command_bind, 1, 64, "f", "DEV...", "give devices to the stub driver" },
	{ "unbind", command_unbind, 1, 64, "f", "DEV...", "give devices back to their drivers" },
	{ "watch", command_watch, 0, 0, "ci", "", "what happens, as it happens" },
	{ "explain", command_explain, 1, 1, "", "DEV", "why a device can or cannot be used" },
	{ "map-dump", command_map_dump, 1, 1, "a", "PID[:FD]", "the mappings of a context" },
};

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "sysroot", required_argument, NULL, 's' },
	{ "force", no_argument, NULL, 'f' },
	{ "count", required_argument, NULL, 'c' },
	{ "interval", required_argument, NULL, 'i' },
	{ "ioasid", required_argument, NULL, 'a' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static void print_help(void)
{
	unsigned int i;

	puts("usage: ioasidctl [--json] [--sysroot DIR] COMMAND [ARGUMENT...]\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s %-9s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].help);
	puts("\n"
	     "  --json         JSON instead of text\n"
	     "  --sysroot DIR  look at /sys, /proc and /dev below DIR\n"
	     "  --force        bind, unbind: also what is in use\n"
	     "  --count N      watch: end after N events\n"
	     "  --interval MS  watch: look so often\n"
	     "  --ioasid N     map-dump: only this address space\n"
	     "\n"
	     "ioasidctl(8) explains them, the exit status and the members of the JSON output.");
}

static void __attribute__((noreturn)) fail_usage(const char *message, const char *what)
{
	fail(FAILURE_USAGE, EINVAL, "`ioasidctl --help` says what there is", "%s%s%s", message,
	     *what ? ": " : "", what);
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!*text || *text == '-' || *end || !value || value > 0xffffffff)
		fail_usage("not a number that can be", text);
	return value;
}

static const struct command *find_command(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	fail_usage("no such command", name);
}

static void take_option(struct request *request, int option)
{
	switch (option) {
	case 'j':
		output_json = true;
		break;
	case 's':
		sysroot_set(optarg);
		break;
	case 'f':
		request->force = true;
		break;
	case 'c':
		request->count = number(optarg);
		break;
	case 'i':
		request->interval_ms = number(optarg);
		break;
	case 'a':
		request->ioasid = number(optarg);
		break;
	case 'h':
		print_help();
		exit(STATUS_OK);
	case 'V':
		puts("ioasidctl " IOASIDFD_VERSION);
		exit(STATUS_OK);
	default:
		fail_usage("unknown option, or one without its value", "");
	}
}

/* Which options were given, as letters; failures that come later are told as was asked. */
static void parse_options(int argc, char **argv, struct request *request, char *given, size_t size)
{
	size_t nr = 0;
	int option;

	for (option = 1; option < argc; option++)
		if (!strcmp(argv[option], "--json"))
			output_json = true;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		take_option(request, option);
		if (strchr("fcia", option) && nr + 1 < size)
			given[nr++] = option;
	}
	given[nr] = '\0';
}

int main(int argc, char **argv)
{
	struct request request = { .interval_ms = 500 };
	const struct command *command;
	char given[16];

	json_start(NULL);
	parse_options(argc, argv, &request, given, sizeof(given));
	output_init();
	if (optind == argc) {
		if (output_json)
			fail_usage("which command?", "");
		print_help();
		return STATUS_USAGE;
	}
	command = find_command(argv[optind]);
	request.args = argv + optind + 1;
	request.nr = argc - optind - 1;
	json_start(command->name);
	if (request.nr < command->least || request.nr > command->most)
		fail_usage(request.nr < command->least ? "missing argument" : "too many arguments",
			   command->name);
	if (strspn(given, command->options) != strlen(given))
		fail_usage("an option that this command does not take", command->name);
	return command->run(&request);
}
