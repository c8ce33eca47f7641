#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""coverage.py MODULES RUN...: which basic blocks of the modules in folder MODULES ran in any of the runs, per file.

A run is what a guest said: "section MODULE SECTION ADDRESS" once, and "block MODULE DISTANCE" for each block, counted
from the module's __sanitizer_cov_trace_pc(). Blocks are the calls of that function; what runs once when a module is
loaded is not counted. With -v also the lines that were not reached.
"""
import collections
import os
import re
import subprocess
import sys

CALL = '__sanitizer_cov_trace_pc'
SECTIONS = ['.text', '.text.unlikely', '.exit.text']


def lines_of(*command, given=None):
    return subprocess.run(command, input=given, capture_output=True, check=True, text=True).stdout.splitlines()


def read_runs(paths):
    """Per module: the distance of each section from .text, and what ran."""
    runs = []
    for path in paths:
        sections, ran = {}, collections.defaultdict(set)
        with open(path, encoding='utf-8') as f:
            for words in map(str.split, f):
                if words and words[0] == 'section':
                    sections[words[1], words[2]] = int(words[3], 16)
                elif words and words[0] == 'block':
                    ran[words[1]].add(int(words[2]))
        runs.append((sections, ran))
    return runs


def calls_in(ko, section):
    """Return addresses of the calls, from the start of the section."""
    address = re.compile(r'^\s*([0-9a-f]+):\s+R_\S+\s+' + CALL + r'\b')
    for line in lines_of('objdump', '-d', '-r', '-j', section, ko):
        found = address.match(line)
        if found:
            yield int(found[1], 16) + 4


def places_of(ko, section, addresses):
    """For each address the innermost line of our own that it stands for."""
    given = ''.join(f'{a - 1:#x}\n' for a in addresses)
    places, current = [], None
    for line in lines_of('addr2line', '-a', '-i', '-j', section, '-e', ko, given=given):
        if line.startswith('0x'):
            current = []
            places.append(current)
        else:
            current.append(line.split(' ')[0])
    ours = re.compile(r'.*/(src/(?:core|compat|stub)/.*)')
    return [next((os.path.normpath(m[1]) for m in map(ours.match, place) if m), None) for place in places]


def blocks_of(ko, module, runs):
    anchor = next(int(line.split()[0], 16) for line in lines_of('nm', ko) if line.endswith(f' {CALL}'))
    have = {line.split()[1] for line in lines_of('objdump', '-h', ko) if re.match(r'\s*\d+ ', line)}
    for section in SECTIONS:
        if section not in have:
            continue
        addresses = list(calls_in(ko, section))
        for address, place in zip(addresses, places_of(ko, section, addresses)):
            ran = False
            for sections, blocks in runs:
                start = sections.get((module, section))
                if start is not None:
                    distance = start - sections[module, '.text'] + address - anchor
                    ran = ran or distance in blocks[module]
            yield place, ran


def main():
    arguments = sys.argv[1:]
    verbose = arguments[0] == '-v'
    folder, runs = arguments[verbose], read_runs(arguments[verbose + 1:])
    total, reached = collections.Counter(), collections.Counter()
    missed = collections.defaultdict(set)
    for module in 'ioasidfd', 'ioasidfd_stub':
        for place, ran in blocks_of(os.path.join(folder, module + '.ko'), module, runs):
            if not place:
                continue
            name, line = place.rsplit(':', 1)
            total[name] += 1
            reached[name] += ran
            if not ran:
                missed[name].add(int(line) if line.isdigit() else 0)
    for name in sorted(total):
        print(f'{name:32} {reached[name]:5} of {total[name]:5} blocks  {100 * reached[name] / total[name]:5.1f} %')
        if verbose and missed[name]:
            print('    not reached: ' + ' '.join(map(str, sorted(missed[name]))))
    for part in 'src/core/', 'src/compat/', 'src/stub/':
        whole = sum(n for name, n in total.items() if name.startswith(part))
        ours = sum(n for name, n in reached.items() if name.startswith(part))
        print(f'{part:32} {ours:5} of {whole:5} blocks  {100 * ours / max(whole, 1):5.1f} %')


main()
