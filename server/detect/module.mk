# server/detect: what is normal, and what is not
server_libdsserver_a_SOURCES += server/detect/detect.c server/detect/detect.h server/detect/turn.h server/detect/keep.c \
	server/detect/verdict.c server/detect/key.c server/detect/key.h server/detect/profile.c server/detect/profile.h \
	server/detect/ready.c server/detect/program.c server/detect/program.h server/detect/new_child.c \
	server/detect/new_child.h server/detect/blind.c server/detect/explain.c server/detect/explain.h \
	server/detect/explain_agent.c server/detect/explain_agent.h server/detect/knowledge.c server/detect/knowledge.h \
	server/detect/alerts.c server/detect/alerts.h server/detect/evidence.c server/detect/evidence.h \
	server/detect/evidence_bucket.c server/detect/evidence_bucket.h
nodist_server_libdsserver_a_SOURCES += server/detect/attack.inc

# { "T1059.004", "Unix Shell" }, ...
server/detect/attack.inc: schema/attack.json
	$(AM_V_GEN)$(MKDIR_P) server/detect && \
		$(AWK) -F'"' '/:/ { printf "\t{ \"%s\", \"%s\" },\n", $$2, $$4 }' $(srcdir)/schema/attack.json > $@.tmp && \
		mv $@.tmp $@
BUILT_SOURCES += server/detect/attack.inc
CLEANFILES += server/detect/attack.inc
EXTRA_DIST += server/detect/.may_include schema/attack.json
