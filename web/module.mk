# SPDX-License-Identifier: GPL-2.0-or-later
# web: the dashboard. Where npm is found its sources are bundled by esbuild, in the build directory; a released tarball
# ships the result, so that packages need no Node. configure says which of the two it is, or that there is none.
EXTRA_DIST += web/build.sh web/build.mjs web/types.mjs web/package.json web/package-lock.json web/tsconfig.json web/src

if WEB_BUILD
web_dist = web/dist
all-local:
	$(AM_V_at)$(SHELL) $(srcdir)/web/build.sh $(abs_srcdir) '$(NPM)' '$(NODE)'
else
web_dist = $(srcdir)/web/dist
all-local:
endif

install-data-local:
	@if test -f $(web_dist)/index.html; then \
		echo " $(MKDIR_P) '$(DESTDIR)$(pkgdatadir)/web'"; \
		for d in . assets; do \
			$(MKDIR_P) "$(DESTDIR)$(pkgdatadir)/web/$$d" || exit 1; \
			for f in $(web_dist)/$$d/*; do \
				test ! -f "$$f" || $(INSTALL_DATA) "$$f" "$(DESTDIR)$(pkgdatadir)/web/$$d" || exit 1; \
			done; \
		done; \
	else echo "the dashboard was not built: nothing of it is installed"; fi
uninstall-local:
	rm -rf "$(DESTDIR)$(pkgdatadir)/web"

# What is shipped is marked, so that an old bundle of a source tree is never taken for it.
dist-hook:
	@if test -f $(web_dist)/index.html; then \
		$(MKDIR_P) $(distdir)/web/dist/assets && \
		for d in . assets; do cp $(web_dist)/$$d/*.* $(distdir)/web/dist/$$d/ || exit 1; done && \
		: > $(distdir)/web/dist/.shipped; \
	else echo "warning: the dashboard was not built, so the distribution is without it" >&2; fi
