# server/store: sources, tests and what is installed
EXTRA_DIST += server/store/.may_include
