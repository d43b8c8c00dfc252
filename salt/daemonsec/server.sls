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
    # All of the configuration as it would be; Salt puts the new file's name behind it, which is $0.
    - check_cmd: >-
        sh -c 'd=$(mktemp -d) && trap "rm -r $d" EXIT && cp -r /etc/daemonsec/. $d &&
        cp $0 $d/server.conf.d/50-salt.conf && daemonsec-server --check-config -c $d/server.conf'
    - require:
      - pkg: daemonsec-server-package

daemonsec-server:
  service.running:
    - enable: true
    - watch:
      - file: /etc/daemonsec/server.conf.d/50-salt.conf
{%- endif %}
