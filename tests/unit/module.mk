# SPDX-License-Identifier: GPL-2.0-or-later
# One program a module: tests/unit/test_X.c. Four lines each, no conditionals around them (they merge badly): tests of
# lib go to unit_tests, those that need the agent's or the server's objects to unit_tests_agent or unit_tests_server.
# TEST_CFLAGS and TEST_LIBS come with cmocka.
TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
TEST_LIBS = lib/libds.a $(CMOCKA_LIBS)
unit_tests =
unit_tests_agent =
unit_tests_server =

unit_tests += tests/unit/test_buf
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c
tests_unit_test_buf_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_buf_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_daemon_name
tests_unit_test_daemon_name_SOURCES = tests/unit/test_daemon_name.c
tests_unit_test_daemon_name_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_daemon_name_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_array
tests_unit_test_array_SOURCES = tests/unit/test_array.c
tests_unit_test_array_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_array_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_mailbox
tests_unit_test_mailbox_SOURCES = tests/unit/test_mailbox.c
tests_unit_test_mailbox_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_mailbox_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c
tests_unit_test_snapshot_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_snapshot_LDADD = $(TEST_LIBS)
unit_tests += tests/unit/test_conf tests/unit/test_map tests/unit/test_fds
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_conf_LDADD = $(TEST_LIBS)
tests_unit_test_map_SOURCES = tests/unit/test_map.c
tests_unit_test_map_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_map_LDADD = $(TEST_LIBS)
tests_unit_test_fds_SOURCES = tests/unit/test_fds.c
tests_unit_test_fds_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fds_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_systemd
tests_unit_test_systemd_SOURCES = tests/unit/test_systemd.c
tests_unit_test_systemd_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_systemd_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_ulid
tests_unit_test_ulid_SOURCES = tests/unit/test_ulid.c
tests_unit_test_ulid_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_ulid_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_clock
tests_unit_test_clock_SOURCES = tests/unit/test_clock.c
tests_unit_test_clock_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_clock_LDADD = $(TEST_LIBS)

unit_tests_server += tests/unit/test_react
tests_unit_test_react_SOURCES = tests/unit/test_react.c tests/unit/react_fixture.c tests/unit/react_fixture.h tests/contract/store_fixture.c tests/unit/tree.c
tests_unit_test_react_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_react_LDADD = server/libdsserver.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) \
	-lpthread -lm

unit_tests_server += tests/unit/test_spare
tests_unit_test_spare_SOURCES = tests/unit/test_spare.c tests/unit/react_fixture.c tests/unit/react_fixture.h tests/contract/store_fixture.c tests/unit/tree.c
tests_unit_test_spare_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_spare_LDADD = $(tests_unit_test_react_LDADD)

unit_tests_server += tests/unit/test_react_policy tests/unit/test_breaker tests/unit/test_server_plugin
tests_unit_test_react_policy_SOURCES = tests/unit/test_react_policy.c
tests_unit_test_react_policy_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_react_policy_LDADD = server/libdsserver.a $(TEST_LIBS) $(JANSSON_LIBS)
tests_unit_test_server_plugin_SOURCES = tests/unit/test_server_plugin.c
tests_unit_test_server_plugin_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_server_plugin_LDADD = server/libdsserver.a lib/libds.a $(JANSSON_LIBS) $(TEST_LIBS)
tests_unit_test_breaker_SOURCES = tests/unit/test_breaker.c
tests_unit_test_breaker_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_breaker_LDADD = server/libdsserver.a $(TEST_LIBS)

unit_tests_server += tests/unit/test_server_config
tests_unit_test_server_config_SOURCES = tests/unit/test_server_config.c
tests_unit_test_server_config_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_server_config_LDADD = server/libdsserver.a $(TEST_LIBS)

unit_tests_server += tests/unit/test_model
tests_unit_test_model_SOURCES = tests/unit/test_model.c
tests_unit_test_model_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_model_LDADD = server/libdsserver.a $(TEST_LIBS) -lm

unit_tests_server += tests/unit/test_window
tests_unit_test_window_SOURCES = tests/unit/test_window.c
tests_unit_test_window_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_window_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) -lm

unit_tests_server += tests/unit/test_train
tests_unit_test_train_SOURCES = tests/unit/test_train.c tests/unit/tree.c
tests_unit_test_train_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_train_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_watch
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c tests/unit/detect_fixture.c
tests_unit_test_watch_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_watch_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(JANSSON_LIBS) -lm

unit_tests += tests/unit/test_ipc
tests_unit_test_ipc_SOURCES = tests/unit/test_ipc.c
tests_unit_test_ipc_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_ipc_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_utf8
tests_unit_test_utf8_SOURCES = tests/unit/test_utf8.c
tests_unit_test_utf8_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_utf8_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_json
tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_json_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) -lm

unit_tests += tests/unit/test_wire
tests_unit_test_wire_SOURCES = tests/unit/test_wire.c
tests_unit_test_wire_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_wire_LDADD = $(DS_BATCH_LIBS) $(TEST_LIBS)

# The same test over both engines of zip.c.
unit_tests += tests/unit/test_zip tests/unit/test_zip_zlib
tests_unit_test_zip_SOURCES = tests/unit/test_zip.c
tests_unit_test_zip_CFLAGS = $(TEST_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_zip_LDADD = $(DS_BATCH_LIBS) $(TEST_LIBS)
tests_unit_test_zip_zlib_SOURCES = tests/unit/test_zip.c lib/zip.c
tests_unit_test_zip_zlib_CPPFLAGS = $(AM_CPPFLAGS) -DDS_ZIP_ZLIB
tests_unit_test_zip_zlib_CFLAGS = $(TEST_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_zip_zlib_LDADD = $(TEST_LIBS) $(ZLIB_LIBS)
unit_tests_agent += tests/unit/test_cgroup
tests_unit_test_cgroup_SOURCES = tests/unit/test_cgroup.c
tests_unit_test_cgroup_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_cgroup_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)

NET_TEST_LIBS = $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(TEST_LIBS)
unit_tests += tests/unit/test_conn
conn_fixture = tests/unit/conn_fixture.c tests/unit/conn_fixture.h tests/unit/certs.c tests/unit/certs.h
tests_unit_test_conn_SOURCES = tests/unit/test_conn.c $(conn_fixture)
tests_unit_test_conn_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_conn_LDADD = $(NET_TEST_LIBS)
unit_tests += tests/unit/test_conn_refuse
tests_unit_test_conn_refuse_SOURCES = tests/unit/test_conn_refuse.c $(conn_fixture)
tests_unit_test_conn_refuse_CFLAGS = $(tests_unit_test_conn_CFLAGS)
tests_unit_test_conn_refuse_LDADD = $(NET_TEST_LIBS)

unit_tests += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c tests/unit/certs.c tests/unit/certs.h
tests_unit_test_tls_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS)
tests_unit_test_tls_LDADD = $(NET_TEST_LIBS)

unit_tests += tests/unit/test_cidr
tests_unit_test_cidr_SOURCES = tests/unit/test_cidr.c
tests_unit_test_cidr_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_cidr_LDADD = $(TEST_LIBS)

unit_tests += tests/unit/test_token
tests_unit_test_token_SOURCES = tests/unit/test_token.c
tests_unit_test_token_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_token_LDADD = $(NET_TEST_LIBS)

unit_tests += tests/unit/test_file
tests_unit_test_file_SOURCES = tests/unit/test_file.c
tests_unit_test_file_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_file_LDADD = $(TEST_LIBS)

unit_tests_server += tests/unit/test_pki
tests_unit_test_pki_SOURCES = tests/unit/test_pki.c
tests_unit_test_pki_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS)
tests_unit_test_pki_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=rename -Wl,--wrap=fsync -Wl,--wrap=write
tests_unit_test_pki_LDADD = server/libdsserver.a $(NET_TEST_LIBS)

unit_tests += tests/unit/test_batch
tests_unit_test_batch_SOURCES = tests/unit/test_batch.c
tests_unit_test_batch_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_batch_LDADD = $(DS_BATCH_LIBS) $(TEST_LIBS)
# The contract of the store, for every backend.
unit_tests_server += tests/contract/test_store
tests_contract_test_store_SOURCES = tests/contract/test_store.c tests/contract/store_fixture.c tests/contract/store_fixture.h tests/unit/tree.c
tests_contract_test_store_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/contract/test_store_events
tests_contract_test_store_events_SOURCES = tests/contract/test_store_events.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_events_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_events_LDADD = $(tests_contract_test_store_LDADD)

unit_tests += tests/unit/test_sim_stream
tests_unit_test_sim_stream_SOURCES = tests/unit/test_sim_stream.c sim/stream.c sim/stream.h
tests_unit_test_sim_stream_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_sim_stream_LDADD = $(TEST_LIBS) -lm
unit_tests_agent += tests/unit/test_daemon
tests_unit_test_daemon_SOURCES = tests/unit/test_daemon.c
tests_unit_test_daemon_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_daemon_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_query tests/unit/test_ecs
tests_unit_test_query_SOURCES = tests/unit/test_query.c
tests_unit_test_query_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_query_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS)
tests_unit_test_ecs_SOURCES = tests/unit/test_ecs.c
tests_unit_test_ecs_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_ecs_LDADD = server/libdsserver.a $(TEST_LIBS) $(JANSSON_LIBS) -lm

# ctl's own.
# With the server's authority, so that certificates are real ones.
unit_tests_agent += tests/unit/test_link tests/unit/test_resolve
tests_unit_test_link_SOURCES = tests/unit/test_link.c tests/unit/link_fixture.c tests/unit/link_fixture.h server/ingest/pki.c server/ingest/pki_rotate.c
tests_unit_test_link_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_link_LDADD = agent/uplink/libdslink.a $(NET_TEST_LIBS)
tests_unit_test_resolve_SOURCES = tests/unit/test_resolve.c
tests_unit_test_resolve_CFLAGS = $(TEST_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_resolve_LDADD = agent/uplink/libdslink.a $(NET_TEST_LIBS)

unit_tests_agent += tests/unit/test_lineage
tests_unit_test_lineage_SOURCES = tests/unit/test_lineage.c
tests_unit_test_lineage_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS)
tests_unit_test_lineage_LDADD = agent/uplink/libdslink.a $(NET_TEST_LIBS)

unit_tests_agent += tests/unit/test_spool
tests_unit_test_spool_SOURCES = tests/unit/test_spool.c tests/unit/spool_fixture.c tests/unit/spool_fixture.h
tests_unit_test_spool_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_spool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write -Wl,--wrap=writev -Wl,--wrap=fdatasync \
	-Wl,--wrap=fsync -Wl,--wrap=rename -Wl,--wrap=ftruncate
tests_unit_test_spool_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_service
tests_unit_test_service_SOURCES = tests/unit/test_service.c
tests_unit_test_service_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_service_LDADD = agent/guard/libguard.a $(GUARD_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_vault
tests_unit_test_vault_SOURCES = tests/unit/test_vault.c tests/unit/tree.c tests/unit/tree.h
tests_unit_test_vault_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_vault_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_integrity
tests_unit_test_integrity_SOURCES = tests/unit/test_integrity.c tests/unit/tree.c tests/unit/tree.h
tests_unit_test_integrity_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_integrity_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_package tests/unit/test_fold
tests_unit_test_package_SOURCES = tests/unit/test_package.c tests/unit/tree.c tests/unit/tree.h
tests_unit_test_package_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_package_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_bolt
tests_unit_test_bolt_SOURCES = tests/unit/test_bolt.c tests/unit/bolt_make.c tests/unit/bolt_make.h
tests_unit_test_bolt_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_bolt_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_container
tests_unit_test_container_SOURCES = tests/unit/test_container.c tests/unit/tree.c tests/unit/tree.h tests/unit/bolt_make.c tests/unit/bolt_make.h
tests_unit_test_container_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_container_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
tests_unit_test_fold_SOURCES = tests/unit/test_fold.c
tests_unit_test_fold_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fold_LDADD = $(ATTRIB_LIBS) $(TEST_LIBS)
unit_tests_server += tests/contract/test_store_learning
tests_contract_test_store_learning_SOURCES = tests/contract/test_store_learning.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_learning_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_learning_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/contract/test_store_reactions
tests_contract_test_store_reactions_SOURCES = tests/contract/test_store_reactions.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_reactions_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_reactions_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread

unit_tests_server += tests/contract/test_store_model_state
tests_contract_test_store_model_state_SOURCES = tests/contract/test_store_model_state.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_model_state_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_model_state_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread

unit_tests_server += tests/contract/test_store_wal
tests_contract_test_store_wal_SOURCES = tests/contract/test_store_wal.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_wal_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_wal_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/contract/test_store_faults
tests_contract_test_store_faults_SOURCES = tests/contract/test_store_faults.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_faults_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_faults_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread

DETECT_TEST_LIBS = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(JANSSON_LIBS) -lm
unit_tests_server += tests/unit/test_sequence
tests_unit_test_sequence_SOURCES = tests/unit/test_sequence.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_sequence_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_sequence_LDADD = $(DETECT_TEST_LIBS)

unit_tests_server += tests/unit/test_share
tests_unit_test_share_SOURCES = tests/unit/test_share.c
tests_unit_test_share_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_share_LDADD = server/libdsserver.a $(TEST_LIBS) -lm

unit_tests_server += tests/unit/test_chain
tests_unit_test_chain_SOURCES = tests/unit/test_chain.c
tests_unit_test_chain_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_chain_LDADD = server/libdsserver.a $(TEST_LIBS) -lm

unit_tests_server += tests/unit/test_evidence
tests_unit_test_evidence_SOURCES = tests/unit/test_evidence.c
tests_unit_test_evidence_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_evidence_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(JANSSON_LIBS) -lm
unit_tests_server += tests/unit/test_feedback
tests_unit_test_feedback_SOURCES = tests/unit/test_feedback.c
tests_unit_test_feedback_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_feedback_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(JANSSON_LIBS) -lm

unit_tests_server += tests/unit/test_groups
tests_unit_test_groups_SOURCES = tests/unit/test_groups.c
tests_unit_test_groups_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_groups_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(JANSSON_LIBS) -lm

unit_tests_server += tests/unit/test_login_model
tests_unit_test_login_model_SOURCES = tests/unit/test_login_model.c
tests_unit_test_login_model_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_login_model_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_attacks
tests_unit_test_attacks_SOURCES = tests/unit/test_attacks.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_attacks_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_attacks_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_decoys
tests_unit_test_decoys_SOURCES = tests/unit/test_decoys.c tests/unit/tree.c tests/unit/tree.h
tests_unit_test_decoys_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_decoys_LDADD = $(DETECT_TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/unit/test_waves
tests_unit_test_waves_SOURCES = tests/unit/test_waves.c
tests_unit_test_waves_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_waves_LDADD = $(DETECT_TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/unit/test_rules_builtin
tests_unit_test_rules_builtin_SOURCES = tests/unit/test_rules_builtin.c
tests_unit_test_rules_builtin_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_rules_builtin_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_rule
tests_unit_test_rule_SOURCES = tests/unit/test_rule.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h ctl/sigma.c \
	ctl/sigma.h ctl/sigma_condition.c
tests_unit_test_rule_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)
tests_unit_test_rule_LDADD = $(DETECT_TEST_LIBS) $(YAML_LIBS)
unit_tests_server += tests/unit/test_geo
tests_unit_test_geo_SOURCES = tests/unit/test_geo.c
tests_unit_test_geo_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_geo_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_novelty
tests_unit_test_novelty_SOURCES = tests/unit/test_novelty.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_novelty_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_novelty_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_visitors
tests_unit_test_visitors_SOURCES = tests/unit/test_visitors.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_visitors_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_visitors_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_novelty_change
tests_unit_test_novelty_change_SOURCES = tests/unit/test_novelty_change.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_novelty_change_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_novelty_change_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_blind
tests_unit_test_blind_SOURCES = tests/unit/test_blind.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_blind_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_blind_LDADD = $(DETECT_TEST_LIBS)

unit_tests_server += tests/unit/test_taint
tests_unit_test_taint_SOURCES = tests/unit/test_taint.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_taint_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_taint_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_influence
tests_unit_test_influence_SOURCES = tests/unit/test_influence.c
tests_unit_test_influence_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_influence_LDADD = $(DETECT_TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/unit/test_arguments
tests_unit_test_arguments_SOURCES = tests/unit/test_arguments.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_arguments_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_arguments_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_sibling
tests_unit_test_sibling_SOURCES = tests/unit/test_sibling.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_sibling_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_sibling_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_version
tests_unit_test_version_SOURCES = tests/unit/test_version.c tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_version_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_version_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_detect
tests_unit_test_detect_SOURCES = tests/unit/test_detect.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_detect_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_detect_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_sim
tests_unit_test_sim_SOURCES = tests/unit/test_sim.c sim/attack.c sim/manifest.c sim/outbox.c sim/stream.c sim/tally.c
tests_unit_test_sim_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_sim_LDADD = $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(TEST_LIBS) -lm

unit_tests_server += tests/contract/test_store_compact
tests_contract_test_store_compact_SOURCES = tests/contract/test_store_compact.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_compact_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_compact_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread

unit_tests_server += tests/unit/test_copy
tests_unit_test_copy_SOURCES = tests/unit/test_copy.c tests/unit/ingest_fixture.c tests/unit/ingest_fixture.h tests/contract/store_fixture.c tests/unit/tree.c
tests_unit_test_copy_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_copy_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_ingest
tests_unit_test_ingest_SOURCES = tests/unit/test_ingest.c tests/unit/ingest_fixture.c tests/unit/ingest_fixture.h tests/contract/store_fixture.c tests/unit/tree.c
tests_unit_test_ingest_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_ingest_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_key tests/unit/test_knowledge tests/unit/test_alerts
tests_unit_test_key_SOURCES = tests/unit/test_key.c
tests_unit_test_key_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_key_LDADD = $(DETECT_TEST_LIBS)
tests_unit_test_knowledge_SOURCES = tests/unit/test_knowledge.c
tests_unit_test_knowledge_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_knowledge_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_grow
tests_unit_test_grow_SOURCES = tests/unit/test_grow.c
tests_unit_test_grow_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_grow_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(JANSSON_LIBS) $(TEST_LIBS)
tests_unit_test_alerts_SOURCES = tests/unit/test_alerts.c tests/contract/store_fixture.c tests/contract/store_fixture.h tests/unit/tree.c
tests_unit_test_alerts_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_alerts_LDADD = $(DETECT_TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/unit/test_bloom
tests_unit_test_bloom_SOURCES = tests/unit/test_bloom.c
tests_unit_test_bloom_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_bloom_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread
unit_tests_server += tests/unit/test_writer
tests_unit_test_writer_SOURCES = tests/unit/test_writer.c
tests_unit_test_writer_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_writer_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) -lpthread

unit_tests_agent += tests/unit/test_decoy_talk
tests_unit_test_decoy_talk_SOURCES = tests/unit/test_decoy_talk.c
tests_unit_test_decoy_talk_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_decoy_talk_LDADD = agent/uplink/libuplink.a lib/libds.a $(SSL_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_login tests/unit/test_follow
tests_unit_test_login_SOURCES = tests/unit/test_login.c
tests_unit_test_login_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_login_LDADD = agent/uplink/libuplink.a $(TEST_LIBS)
tests_unit_test_follow_SOURCES = tests/unit/test_follow.c
tests_unit_test_follow_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_follow_LDADD = agent/uplink/libuplink.a $(TEST_LIBS)
unit_tests_server += tests/unit/test_routes tests/unit/test_search
tests_unit_test_routes_SOURCES = tests/unit/test_routes.c
tests_unit_test_routes_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_routes_LDADD = $(SERVER_LIBS) $(TEST_LIBS)
tests_unit_test_search_SOURCES = tests/unit/test_search.c
tests_unit_test_search_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_search_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_pages
tests_unit_test_pages_SOURCES = tests/unit/test_pages.c tests/contract/store_fixture.c tests/unit/tree.c
tests_unit_test_pages_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_pages_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_plane
tests_unit_test_plane_SOURCES = tests/unit/test_plane.c
tests_unit_test_plane_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_plane_LDADD = server/libdsserver.a $(TEST_LIBS) -lm
unit_tests_server += tests/unit/test_report
tests_unit_test_report_SOURCES = tests/unit/test_report.c ctl/report_page.c ctl/print.c
tests_unit_test_report_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_report_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) -lm
unit_tests_server += tests/unit/test_web
tests_unit_test_web_SOURCES = tests/unit/test_web.c
tests_unit_test_web_CFLAGS = $(TEST_CFLAGS) $(MHD_CFLAGS)
tests_unit_test_web_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

GUARD_TEST_LIBS = agent/guard/libguard.a $(GUARD_LIBS) $(TEST_LIBS)
unit_tests_agent += tests/unit/test_redact tests/unit/test_path tests/unit/test_layout tests/unit/test_repeat \
	tests/unit/test_emit
tests_unit_test_redact_SOURCES = tests/unit/test_redact.c
tests_unit_test_redact_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_redact_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_path_SOURCES = tests/unit/test_path.c
tests_unit_test_path_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_path_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_layout_SOURCES = tests/unit/test_layout.c
tests_unit_test_layout_CFLAGS = $(TEST_CFLAGS) $(BPF_CFLAGS)
tests_unit_test_layout_LDADD = $(GUARD_TEST_LIBS)
# repeat with a fake kernel and a fake emit
tests_unit_test_repeat_SOURCES = tests/unit/test_repeat.c agent/guard/repeat.c
tests_unit_test_repeat_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_repeat_LDADD = $(TEST_LIBS)
unit_tests_agent += tests/unit/test_crowd
tests_unit_test_crowd_SOURCES = tests/unit/test_crowd.c
tests_unit_test_crowd_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_crowd_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_emit_SOURCES = tests/unit/test_emit.c
tests_unit_test_emit_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_emit_LDADD = $(GUARD_TEST_LIBS)

unit_tests_agent += tests/unit/test_batcher
tests_unit_test_batcher_SOURCES = tests/unit/test_batcher.c
tests_unit_test_batcher_CFLAGS = $(TEST_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_batcher_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=writev
tests_unit_test_batcher_LDADD = agent/uplink/libuplink.a $(DS_BATCH_LIBS) $(EVENT_LIBS) $(TEST_LIBS)

unit_tests += tests/unit/test_order
tests_unit_test_order_SOURCES = tests/unit/test_order.c
tests_unit_test_order_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_order_LDADD = $(TEST_LIBS)
unit_tests_agent += tests/unit/test_sign
tests_unit_test_sign_SOURCES = tests/unit/test_sign.c
tests_unit_test_sign_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_sign_LDADD = $(DS_NET_LIBS) $(DS_VERIFY_LIBS) $(TEST_LIBS)
unit_tests_server += tests/contract/test_store_access
tests_contract_test_store_access_SOURCES = tests/contract/test_store_access.c tests/contract/store_fixture.c tests/unit/tree.c
tests_contract_test_store_access_CFLAGS = $(TEST_CFLAGS)
tests_contract_test_store_access_LDADD = server/libdsserver.a $(DS_BATCH_LIBS) $(TEST_LIBS) $(SQLITE_LIBS) $(SSL_LIBS) -lpthread

unit_tests_server += tests/unit/test_stream
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c
tests_unit_test_stream_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_stream_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_peer
tests_unit_test_peer_SOURCES = tests/unit/test_peer.c
tests_unit_test_peer_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_peer_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_asks
tests_unit_test_asks_SOURCES = tests/unit/test_asks.c
tests_unit_test_asks_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_asks_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_access
tests_unit_test_access_SOURCES = tests/unit/test_access.c
tests_unit_test_access_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_access_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_siem
tests_unit_test_siem_SOURCES = tests/unit/test_siem.c
tests_unit_test_siem_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_siem_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_quiet
tests_unit_test_quiet_SOURCES = tests/unit/test_quiet.c
tests_unit_test_quiet_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_quiet_LDADD = $(SERVER_LIBS) $(TEST_LIBS)
unit_tests_server += tests/unit/test_notify
tests_unit_test_notify_SOURCES = tests/unit/test_notify.c
tests_unit_test_notify_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_notify_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_agent += tests/unit/test_rebind
tests_unit_test_rebind_SOURCES = tests/unit/test_rebind.c tests/unit/order_fixture.c tests/unit/order_fixture.h
tests_unit_test_rebind_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_rebind_LDADD = agent/guard/libguard.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(GUARD_LIBS) $(TEST_LIBS)

unit_tests_agent += tests/unit/test_apart
tests_unit_test_apart_SOURCES = tests/unit/test_apart.c
tests_unit_test_apart_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_apart_LDADD = $(GUARD_TEST_LIBS)

unit_tests_agent += tests/unit/test_network tests/unit/test_ledger tests/unit/test_order_take
tests_unit_test_network_SOURCES = tests/unit/test_network.c
tests_unit_test_network_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_network_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c
tests_unit_test_ledger_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_ledger_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fdatasync
tests_unit_test_ledger_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_order_take_SOURCES = tests/unit/test_order_take.c tests/unit/order_fixture.c tests/unit/order_fixture.h
tests_unit_test_order_take_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_order_take_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fdatasync
tests_unit_test_order_take_LDADD = agent/guard/libguard.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(GUARD_LIBS) $(TEST_LIBS)

unit_tests_agent += tests/unit/test_freeze
tests_unit_test_freeze_SOURCES = tests/unit/test_freeze.c tests/unit/order_fixture.c tests/unit/order_fixture.h
tests_unit_test_freeze_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_freeze_LDADD = agent/guard/libguard.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(GUARD_LIBS) $(TEST_LIBS)

unit_tests_server += tests/unit/test_stand
tests_unit_test_stand_SOURCES = tests/unit/test_stand.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h tests/unit/novelty_fixture.c tests/unit/novelty_fixture.h
tests_unit_test_stand_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_stand_LDADD = $(DETECT_TEST_LIBS)
unit_tests_server += tests/unit/test_starter
tests_unit_test_starter_SOURCES = tests/unit/test_starter.c tests/unit/detect_fixture.c tests/unit/detect_fixture.h
tests_unit_test_starter_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_starter_LDADD = $(DETECT_TEST_LIBS)

unit_tests_agent += tests/unit/test_hold_profile tests/unit/test_spared
tests_unit_test_spared_SOURCES = tests/unit/test_spared.c
tests_unit_test_spared_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_spared_LDADD = $(GUARD_TEST_LIBS)
tests_unit_test_hold_profile_SOURCES = tests/unit/test_hold_profile.c
tests_unit_test_hold_profile_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_hold_profile_LDADD = $(GUARD_TEST_LIBS)

unit_tests_server += tests/unit/test_hook
tests_unit_test_hook_SOURCES = tests/unit/test_hook.c
tests_unit_test_hook_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_hook_LDADD = server/libdsserver.a $(TEST_LIBS) $(SSL_LIBS) $(JANSSON_LIBS)

unit_tests_server += tests/unit/test_departures
tests_unit_test_departures_SOURCES = tests/unit/test_departures.c
tests_unit_test_departures_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_departures_LDADD = server/libdsserver.a $(TEST_LIBS)

unit_tests_server += tests/unit/test_meant
tests_unit_test_meant_SOURCES = tests/unit/test_meant.c
tests_unit_test_meant_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_meant_LDADD = $(SERVER_LIBS) $(TEST_LIBS)

unit_tests_agent += tests/unit/test_filter
tests_unit_test_filter_SOURCES = tests/unit/test_filter.c
tests_unit_test_filter_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_filter_LDADD = agent/uplink/libuplink.a $(TEST_LIBS) $(PCRE2_LIBS)
unit_tests_agent += tests/unit/test_logs
tests_unit_test_logs_SOURCES = tests/unit/test_logs.c
tests_unit_test_logs_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_logs_LDADD = agent/uplink/libuplink.a $(TEST_LIBS) $(PCRE2_LIBS) $(EVENT_LIBS) -ldl
unit_tests_agent += tests/unit/test_filter_date
tests_unit_test_filter_date_SOURCES = tests/unit/test_filter_date.c
tests_unit_test_filter_date_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_filter_date_LDADD = agent/uplink/libuplink.a $(TEST_LIBS) $(PCRE2_LIBS)
unit_tests_server += tests/unit/test_fail2ban
tests_unit_test_fail2ban_SOURCES = tests/unit/test_fail2ban.c ctl/fail2ban_conf.c ctl/fail2ban_conf.h ctl/fail2ban_regex.c \
	agent/uplink/logs/pattern.c
tests_unit_test_fail2ban_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_fail2ban_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) $(PCRE2_LIBS)

unit_tests_agent += tests/unit/test_supervise
tests_unit_test_supervise_SOURCES = tests/unit/test_supervise.c tests/unit/order_fixture.c tests/unit/order_fixture.h
tests_unit_test_supervise_CFLAGS = $(TEST_CFLAGS) $(SSL_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_supervise_LDADD = agent/guard/libguard.a $(DS_NET_LIBS) $(DS_BATCH_LIBS) $(GUARD_LIBS) $(TEST_LIBS)

unit_tests_agent += tests/unit/test_heartbeat
tests_unit_test_heartbeat_SOURCES = tests/unit/test_heartbeat.c
tests_unit_test_heartbeat_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_heartbeat_LDADD = $(GUARD_TEST_LIBS)

# END OF LIST: add above
all_unit_tests =
if CMOCKA
all_unit_tests += $(unit_tests)
if AGENT
all_unit_tests += $(unit_tests_agent)
endif
if SERVER
all_unit_tests += $(unit_tests_server)
endif
endif
check_PROGRAMS += $(all_unit_tests)
TESTS += $(all_unit_tests)

unit_tests_server += tests/unit/test_lists
tests_unit_test_lists_SOURCES = tests/unit/test_lists.c tests/contract/store_fixture.c tests/contract/store_fixture.h tests/unit/tree.c
tests_unit_test_lists_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_lists_LDADD = $(DETECT_TEST_LIBS) $(SQLITE_LIBS) -lpthread
