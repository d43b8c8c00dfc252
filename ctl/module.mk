# ctl: sources, tests and what is installed
