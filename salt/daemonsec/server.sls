{%- from "daemonsec/map.jinja" import daemonsec with context %}
{%- if daemonsec.state == "absent" %}
daemonsec-server:
  pkg.purged: []
{%- else %}
{%- for package in ["daemonsec-ctl", "daemonsec-server"] %}
{{ package }}-package:
  pkg.{{ "latest" if daemonsec.state == "latest" else "installed" }}:
    {%- if daemonsec.packages.get(package) %}
    - sources:
      - {{ package }}: {{ daemonsec.packages[package] }}
    {%- else %}
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
    - require:
      - pkg: daemonsec-server-package

daemonsec-server-checked:
  cmd.run:
    - name: daemonsec-server --check-config
    - onchanges:
      - file: /etc/daemonsec/server.conf.d/50-salt.conf

daemonsec-server:
  service.running:
    - enable: true
    - require:
      - cmd: daemonsec-server-checked
    - watch:
      - file: /etc/daemonsec/server.conf.d/50-salt.conf
{%- endif %}
