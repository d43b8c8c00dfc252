# sim: sources, tests and what is installed
