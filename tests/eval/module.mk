# Measurements on labelled data: `make eval [DATA=DIR] [EVAL=PATTERN] [FAIL2BAN=ROOT]`. Not in the tarball: the data; each set is
# skipped where it is absent. One file a data set; the models are the product's own.
if SERVER
eval_programs = tests/eval/eval
endif
tests_eval_eval_SOURCES = tests/eval/main.c tests/eval/eval.h tests/eval/files.c tests/eval/figures.c \
	tests/eval/schonlau_sea.c tests/eval/traces.c tests/eval/traces.h \
	tests/eval/unm_mit.c tests/eval/adfa_ld.c tests/eval/nab.c tests/eval/smd_asd.c tests/eval/smd_methods.c tests/eval/smd_methods.h tests/eval/incidents.c tests/eval/incidents.h tests/eval/logins.c
tests_eval_eval_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(JANSSON_CFLAGS)
tests_eval_eval_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) lib/libds.a $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
EXTRA_PROGRAMS += $(eval_programs)
CLEANFILES += $(eval_programs)
EXTRA_DIST += tests/eval/fail2ban.py

# DATA is also automake's word for the files of data it installs, each of which is there.
eval: $(BUILT_SOURCES) $(eval_programs) ctl/daemonsec-ctl
	@set -- $(DATA); { [ $$# = 1 ] && [ ! -f "$$1" ] && [ ! -f "$(srcdir)/$$1" ]; } || \
		set -- $(top_srcdir)/../shared/data; tests/eval/eval "$$1" '$(EVAL)'
	@$(MKDIR_P) tests/eval; only='$(EVAL)'; case live in $${only:-*}) \
		echo "live: hosts, honest work and attacks, some minutes; what is said goes to tests/eval/live.log" >&2; \
		top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' DS_LIVE=long \
			$(srcdir)/tests/system/live/live.py >tests/eval/live.log 2>&1; grep '^eval ' tests/eval/live.log || tail -n 3 tests/eval/live.log >&2 ;; esac
	@only='$(EVAL)'; case replay in $${only:-*}) \
		echo "replay: minutes of real daemons as weeks of a fleet; what is said goes to tests/eval/replay.log" >&2; \
		top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' DS_LIVE=long \
			$(srcdir)/tests/system/live/replay.py >tests/eval/replay.log 2>&1; grep '^eval ' tests/eval/replay.log || tail -n 3 tests/eval/replay.log >&2 ;; esac
	@only='$(EVAL)'; case fail2ban in $${only:-*}) \
		set -- $(DATA); { [ $$# = 1 ] && [ ! -f "$$1" ] && [ ! -f "$(srcdir)/$$1" ]; } || \
			set -- $(top_srcdir)/../shared/data; \
		$(srcdir)/tests/eval/fail2ban.py "$$1/fail2ban-logs" ctl/daemonsec-ctl '$(FAIL2BAN)' ;; esac
.PHONY: eval
