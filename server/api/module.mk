# server/api: sources, tests and what is installed
EXTRA_DIST += server/api/.may_include
