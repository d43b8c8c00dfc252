# server/ingest: sources, tests and what is installed
EXTRA_DIST += server/ingest/.may_include
