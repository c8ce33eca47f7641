# SPDX-License-Identifier: GPL-2.0-only
# Invalidations per call. Input: the "mark" lines of the bench, then the emulator's trace. A mark is a write of its
# number to the interrupt line register (0x3c) of function 06.1; 0 ends it. (QEMU versions print 06:1 or 06.1.)

$1 == "mark" {
	workload[$4] = $2 "\t" $3
	calls[$4] = $5
	next
}

/pci_cfg_write/ {
	if (match($0, /06[:.]1 @0x3c <- 0x[0-9a-f]+/)) {
		n = substr($0, RSTART, RLENGTH)
		sub(/.*0x/, "", n)
		current = hex(n)
	}
	next
}

/vtd_inv_desc_iotlb/ && current { count[current]++ }

function hex(text,    i, value)
{
	value = 0
	for (i = 1; i <= length(text); i++)
		value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return value
}

END {
	for (n = 0; n < 256; n++) {
		if (!(n in workload))
			continue
		printf "invalidations\t%s\t%.4f\n", workload[n], count[n] / calls[n]
	}
}
