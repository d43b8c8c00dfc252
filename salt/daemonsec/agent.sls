{%- from "daemonsec/map.jinja" import daemonsec, labels with context %}
{%- if daemonsec.state == "absent" %}
daemonsec-agent:
  pkg.purged: []
{%- else %}
daemonsec-agent-package:
  pkg.{{ "latest" if daemonsec.state == "latest" else "installed" }}:
    {%- if daemonsec.packages.get("daemonsec-agent") %}
    - sources:
      - daemonsec-agent: {{ daemonsec.packages["daemonsec-agent"] }}
    {%- else %}
    - name: daemonsec-agent
    {%- endif %}

{%- set general = {"general": {"labels": labels}} %}
/etc/daemonsec/conf.d/50-salt.conf:
  file.managed:
    - source: salt://daemonsec/files/conf.jinja
    - template: jinja
    - context:
        config: {{ salt["slsutil.merge"](general, daemonsec.agent_config) | json }}
    - mode: "0644"
    - require:
      - pkg: daemonsec-agent-package

daemonsec-agent-checked:
  cmd.run:
    - name: daemonsec-agent --check-config
    - onchanges:
      - file: /etc/daemonsec/conf.d/50-salt.conf

{%- if daemonsec.token %}
# For this host alone and one use; the agent wipes it.
/etc/daemonsec/enrolment-token:
  file.managed:
    - contents: {{ daemonsec.token | json }}
    - contents_newline: true
    - mode: "0600"
    - user: root
    - group: root
    - show_changes: false
    - unless: test -e /var/lib/daemonsec/agent/agent.pem
    - require:
      - pkg: daemonsec-agent-package
    - watch_in:
      - service: daemonsec-agent
{%- endif %}

daemonsec-agent:
  service.running:
    - enable: true
    - require:
      - cmd: daemonsec-agent-checked
    - watch:
      - file: /etc/daemonsec/conf.d/50-salt.conf
{%- endif %}
