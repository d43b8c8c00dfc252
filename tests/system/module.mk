# System tests: shell and TAP, real processes in namespaces of their own; they skip cleanly without root.
