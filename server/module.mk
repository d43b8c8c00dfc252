# server: sources, tests and what is installed
EXTRA_DIST += server/.may_include
