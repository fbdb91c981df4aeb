-- What the gateway's role may do, and nothing else. Run by the owner after every migration; `{role}` is the role, quoted.

-- name: grants
REVOKE ALL ON ALL TABLES IN SCHEMA countersign FROM {role};
GRANT USAGE ON SCHEMA countersign TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA countersign TO {role};
GRANT INSERT ON entries, activations TO {role};
GRANT INSERT, UPDATE ON boots, halts TO {role};
GRANT INSERT, DELETE ON steps, attempts, evidence, generations TO {role};
GRANT INSERT, UPDATE, DELETE ON keys, runs, nodes, windows, commits, bodies, decisions, decision_texts TO {role};
GRANT UPDATE ON gate TO {role};
