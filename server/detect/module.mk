# server/detect: sources, tests and what is installed
EXTRA_DIST += server/detect/.may_include
