# server/fleet: sources, tests and what is installed
EXTRA_DIST += server/fleet/.may_include
