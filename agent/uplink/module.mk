# agent/uplink: sources, tests and what is installed
EXTRA_DIST += agent/uplink/.may_include
