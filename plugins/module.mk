# SPDX-License-Identifier: GPL-2.0-or-later
# plugins: the module that plugins in Python use, and examples to copy into the plugin directory
plugin_pythondir = $(pkgdatadir)/python
dist_plugin_python_DATA = plugins/daemonsec_plugin.py
plugin_examplesdir = $(pkgdatadir)/plugins
dist_plugin_examples_SCRIPTS = plugins/telegram plugins/ticket
