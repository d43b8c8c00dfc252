# SPDX-License-Identifier: GPL-2.0-or-later
# Turns the migrations given into arrays of C strings: *_control.sql and *_events.sql, in the order of their numbers.
function plane(file) { return file ~ /_control\.sql$/ ? "control" : "events" }
BEGIN {
	print "/* Made from schema/sqlite by sqlite_schema.awk. */"
	for (i = 1; i < ARGC; i++) {
		file = ARGV[i]
		text = ""
		while ((getline line < file) > 0) {
			sub(/[ \t]*--.*$/, "", line)
			gsub(/\\/, "\\\\", line)
			gsub(/"/, "\\\"", line)
			if (line != "")
				text = text "\n\t\"" line "\\n\""
		}
		close(file)
		all[plane(file)] = all[plane(file)] text ",\n"
	}
	printf "static const char *const schema_control[] = {%s\tNULL,\n};\n", all["control"]
	printf "static const char *const schema_events[] = {%s\tNULL,\n};\n", all["events"]
}
