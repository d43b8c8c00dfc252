# server/api: sources, tests and what is installed
server_libdsserver_a_SOURCES += server/api/api.h server/api/ecs.c server/api/ecs.h server/api/query.h server/api/query_ast.h \
	server/api/query_field.c server/api/query_hint.c server/api/query_match.c server/api/query_parse.c server/api/query_value.c
EXTRA_DIST += server/api/.may_include
