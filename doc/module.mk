# doc: sources, tests and what is installed
EXTRA_DIST += doc/architecture.md doc/style.md
