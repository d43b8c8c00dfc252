# SPDX-License-Identifier: GPL-2.0-or-later
# Measurements on labelled data: `make eval [DATA=DIR] [EVAL=PATTERN] [FAIL2BAN=ROOT]`. Not in the tarball: the data; each set is
# skipped where it is absent. One file a data set; the models are the product's own.
if SERVER
eval_programs = tests/eval/eval
endif
tests_eval_eval_SOURCES = tests/eval/main.c tests/eval/eval.h tests/eval/files.c tests/eval/figures.c \
	tests/eval/schonlau_sea.c tests/eval/traces.c tests/eval/traces.h \
	tests/eval/unm_mit.c tests/eval/adfa_ld.c tests/eval/nab.c tests/eval/smd_asd.c tests/eval/smd_methods.c tests/eval/smd_methods.h tests/eval/incidents.c tests/eval/incidents.h tests/eval/logins.c tests/eval/commands.c
tests_eval_eval_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(JANSSON_CFLAGS)
tests_eval_eval_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
EXTRA_PROGRAMS += $(eval_programs)
CLEANFILES += $(eval_programs)
EXTRA_DIST += tests/eval/run tests/eval/fail2ban.py

# DATA is also automake's word for the files of data it installs: what is no folder, and not one word that is no such file, is that.
eval: $(BUILT_SOURCES) $(eval_programs) ctl/daemonsec-ctl
	@data='$(DATA)'; [ -d "$$data" ] || case $$data in *' '*|'') data= ;; *) \
		[ ! -e "$$data" ] && [ ! -e "$(srcdir)/$$data" ] || data= ;; esac; \
	$(top_srcdir)/tests/eval/run '$(abs_top_srcdir)' '$(abs_top_builddir)' "$${data:-$(abs_top_srcdir)/../shared/data}" '$(EVAL)' '$(FAIL2BAN)'
.PHONY: eval
