{%- from "daemonsec/map.jinja" import daemonsec, labels with context %}
{%- if daemonsec.state == "absent" %}
daemonsec-agent:
  pkg.purged: []
{%- else %}
daemonsec-agent-package:
  {%- if daemonsec.packages.get("daemonsec-agent") %}
  pkg.installed: # pkg.latest takes no sources; a newer file is an upgrade here, too
    - sources:
      - daemonsec-agent: {{ daemonsec.packages["daemonsec-agent"] }}
  {%- else %}
  pkg.{{ "latest" if daemonsec.state == "latest" else "installed" }}:
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
    # All of the configuration as it would be; Salt puts the new file's name behind it, which is $0.
    - check_cmd: >-
        sh -c 'd=$(mktemp -d) && trap "rm -r $d" EXIT && cp -r /etc/daemonsec/. $d &&
        cp $0 $d/conf.d/50-salt.conf && daemonsec-agent --check-config -c $d/daemonsec.conf'
    - require:
      - pkg: daemonsec-agent-package

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
    - watch:
      - file: /etc/daemonsec/conf.d/50-salt.conf
{%- endif %}
