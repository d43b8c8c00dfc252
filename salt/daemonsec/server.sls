{%- from "daemonsec/map.jinja" import daemonsec with context %}
{%- if daemonsec.state == "absent" %}
daemonsec-server:
  pkg.purged: []
{%- else %}
{%- for package in ["daemonsec-ctl", "daemonsec-server"] %}
{{ package }}-package:
  {%- if daemonsec.packages.get(package) %}
  pkg.installed: # pkg.latest takes no sources; a newer file is an upgrade here, too
    - sources:
      - {{ package }}: {{ daemonsec.packages[package] }}
  {%- else %}
  pkg.{{ "latest" if daemonsec.state == "latest" else "installed" }}:
    - name: {{ package }}
  {%- endif %}
{%- endfor %}

/etc/daemonsec/server.conf.d/50-salt.conf:
  file.managed:
    - source: salt://daemonsec/files/conf.jinja
    - template: jinja
    - context:
        config: {{ daemonsec.server_config | json }}
    - mode: "0644"
    # With the new file's name behind it, before it takes the place of the old one.
    - check_cmd: daemonsec-server --check-config -c
    - require:
      - pkg: daemonsec-server-package

daemonsec-server:
  service.running:
    - enable: true
    - watch:
      - file: /etc/daemonsec/server.conf.d/50-salt.conf
{%- endif %}
