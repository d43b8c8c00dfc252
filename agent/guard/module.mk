# agent/guard: sources, tests and what is installed
EXTRA_DIST += agent/guard/.may_include
