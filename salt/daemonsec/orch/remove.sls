{#- salt-run state.orch daemonsec.orch.remove pillar='{"server": "ds1", "target": "web3"}': revoked first, then removed. -#}
{%- for minion, name in salt["saltutil.cmd"](pillar["target"], "grains.get", ["nodename"]).items() %}
revoke-{{ minion }}:
  salt.function:
    - name: cmd.run
    - tgt: {{ pillar["server"] }}
    - arg:
      - daemonsec-ctl hosts revoke {{ name.ret }}

remove-{{ minion }}:
  salt.state:
    - tgt: {{ minion }}
    - sls: daemonsec.agent
    - pillar:
        daemonsec:
          state: absent
    - require:
      - salt: revoke-{{ minion }}
{%- endfor %}
