# sim: sources, tests and what is installed
EXTRA_DIST += sim/.may_include
