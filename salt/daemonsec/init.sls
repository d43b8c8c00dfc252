include:
  - daemonsec.server
  - daemonsec.agent
