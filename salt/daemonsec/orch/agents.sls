{#- salt-run state.orch daemonsec.orch.agents pillar='{"server": "ds1", "target": "web*", "ring": "0"}'

    Each minion that is not enrolled yet gets a token that the server makes for it alone, for one use. Run it ring by ring:
    it fails when one of a ring is not enrolled at its end. -#}
{%- set server = pillar["server"] %}
{%- set enrolled = salt["saltutil.cmd"](pillar["target"], "file.file_exists", ["/var/lib/daemonsec/agent/agent.pem"]) %}
{%- for minion, answer in enrolled.items() %}
{%- set own = {"ring": pillar["ring"]} if "ring" in pillar else {} %}{#- without: that of its own pillar #}
{%- if not answer.ret %}
{%- set made = salt["saltutil.cmd"](server, "cmd.run_stdout", ["daemonsec-ctl tokens create --uses 1 --ttl 15m"]) %}
{%- do own.update({"token": made[server].ret}) %}
{%- endif %}
agent-{{ minion }}:
  salt.state:
    - tgt: {{ minion }}
    - sls: daemonsec.agent
    - pillar:
        daemonsec: {{ own | json }}

enrolled-{{ minion }}:
  salt.function:
    - name: cmd.run
    - tgt: {{ minion }}
    - arg:
      - timeout 60 sh -c 'until test -e /var/lib/daemonsec/agent/agent.pem; do sleep 1; done'
    - require:
      - salt: agent-{{ minion }}
{%- endfor %}
