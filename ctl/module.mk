# ctl: sources, tests and what is installed
EXTRA_DIST += ctl/.may_include
