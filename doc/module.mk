# doc: sources, tests and what is installed
EXTRA_DIST += doc/architecture.md doc/style.md
dist_man_MANS += doc/daemonsec-sim.8
