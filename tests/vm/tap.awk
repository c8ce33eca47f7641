# SPDX-License-Identifier: GPL-2.0-only
# Judges the results of one boot. Input: the results channel; variables: outcome (of boot), features (of the profile).
# Output, one line per test: STATUS<TAB>NAME<TAB>REASON<TAB>FIRST<TAB>LAST, the last two being the lines of the input that
# hold its diagnostics. A stream that does not hold together becomes a failed test harness/stream.

function emit(status, name, reason, first, last)
{
	printf "%s\t%s\t%s\t%d\t%d\n", status, name, reason, first, last
}

function flush()
{
	if (name != "")
		emit(status, name, reason, first, NR - 1)
	name = ""
}

function declared(feature)
{
	return index(" " features " ", " " feature " ") > 0
}

# A skip must name something that this profile does not claim to have, or, after a "!", something that it has.
function legitimate(why,    n, words, i)
{
	if (why !~ /^needs [^ ]/)
		return 0
	n = split(substr(why, 7), words, /[ ,]+/)
	for (i = 1; i <= n; i++)
		if (sub(/^!/, "", words[i]) ? declared(words[i]) : !declared(words[i]))
			return 1
	return 0
}

function complain(why)
{
	broken = broken (broken == "" ? "" : "; ") why
}

{ sub(/\r$/, "") }

/^(not )?ok / {
	flush()
	seen++
	status = /^ok / ? "pass" : "fail"
	reason = ""
	first = NR + 1
	name = $0
	sub(/^(not )?ok +[0-9]* *(- )?/, "", name)
	if (match(name, / *# SKIP/)) {
		reason = substr(name, RSTART + RLENGTH)
		sub(/^ +/, "", reason)
		name = substr(name, 1, RSTART - 1)
		if (status == "pass" && legitimate(reason)) {
			status = "skip"
		} else {
			status = "fail"
			reason = "skipped without a good reason: " reason
		}
	}
	next
}

/^1\.\.[0-9]+/ {
	flush()
	if (have_plan)
		complain("two plans")
	have_plan = 1
	plan = substr($0, 4) + 0
	next
}

/^Bail out!/ {
	flush()
	complain($0)
}

/^ioasidfd-end / { flush() }

END {
	NR++
	flush()
	if (outcome !~ /^finished/)
		complain(outcome)
	else if (outcome != "finished 0")
		complain("the job ended with status " substr(outcome, 10))
	if (!have_plan)
		complain("no plan")
	else if (plan != seen)
		complain("planned " plan " tests, saw " seen + 0)
	if (broken != "")
		emit("fail", "harness/stream", broken, 0, -1)
}
