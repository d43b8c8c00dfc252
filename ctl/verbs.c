/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs - the table of verbs; help, completion and the check of the man page read it.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

const struct verb verb_table[] = {
	{ "status", "",
	    "the whole at a glance: hosts, daemons, alerts, what is stored, what is lost", "",
	    verb_status },
	{ "hosts",
	    "[show H | approve H | revoke H | label H LABELS | email H ADDRESS|nobody|agent]",
	    "hosts and their agents", "show approve revoke label email nobody agent", verb_hosts },
	{ "daemons", "[show D | versions D | rollback D N] [--host H]",
	    "daemons, how far they are learnt, what is normal for one, its versions",
	    "show versions rollback --host", verb_daemons },
	{ "events", "'QUERY' [--since 1h] [--until T] [--limit N] [--follow]",
	    "what the daemons did, newest last", "--since --until --limit --follow", verb_events },
	{ "alerts",
	    "[--status open] [--limit N] | show A | ack A | close A | assign A USER|- | note A TEXT | verdict A true_positive|false_positive|"
	    "benign_expected [--scope host|label|daemon|fleet] [--label L] [--expires 30d] [--preview]",
	    "what departed from normal, and why",
	    "show ack close assign note verdict --status --limit true_positive false_positive benign_expected"
	    " --scope --label --expires --preview host label daemon fleet",
	    verb_alerts },
	{ "expectations", "[undo E]", "what verdicts made expected, and until when", "undo",
	    verb_expectations },
	{ "deploy", "[begin --daemon D [--host H | --label L] [--ttl 30m] [--note T] | end ID]",
	    "say that a daemon is about to change: what it does then is learnt",
	    "begin end --daemon --host --label --ttl --note", verb_deploy },
	{ "hooks", "[rotate NAME [--secret-file FILE] [--overlap 1h | --now]]",
	    "forges that tell of changes, and their secrets",
	    "rotate --secret-file --overlap --now", verb_hooks },
	{ "gate",
	    "--daemon D [--as NAME] [--host H | --label L] [--since 10m] [--run COMMAND [--exercise COMMAND]] [--for 30s] "
	    "[--fail-on low] [--format text|json|junit|sarif] [--location FILE] [--agent PATH] [--address HOST:PORT]",
	    "fail a pipeline when a daemon does what the fleet's never does",
	    "--daemon --as --host --label --since --run --exercise --for --fail-on --format --location --agent --address "
	    "text json junit sarif low medium high critical",
	    verb_gate },
	{ "import",
	    "fail2ban [--dir /etc/fail2ban] [--additions DIR] [--out FILE] [--all | --filter F] [--try]",
	    "filters of the log sensor from fail2ban's configuration; --try says what they find in stdin's lines",
	    "fail2ban --dir --additions --out --all --filter --try", verb_import },
	{ "rules", "[import FILE|DIR | remove R]",
	    "rules below the models: ours, and Sigma rules that were imported", "import remove",
	    verb_rules },
	{ "tokens",
	    "[create [--count N] [--uses N] [--ttl 1h] [--cidr NET,...] [--label L] [--address HOST:PORT] [--require-approval] "
	    "[--ephemeral] | revoke T]",
	    "tokens that let hosts in",
	    "create revoke --count --uses --ttl --cidr --label --address --require-approval --ephemeral",
	    verb_tokens },
	{ "ca", "[status | rotate [--force]]",
	    "the authority of the agents' certificates, and letting another take over",
	    "status rotate --force", verb_ca },
	{ "api-tokens", "[create [--name N] [--scopes S] [--ttl 30d] | revoke T]",
	    "tokens of the JSON API", "create revoke --name --scopes --ttl", verb_api_tokens },
	{ "users",
	    "[create U [--role viewer|analyst|operator|admin] | role U --role R | reset U | disable U | enable U |"
	    " delete U]",
	    "people who may sign in, and their roles",
	    "create role reset disable enable delete --role viewer analyst operator admin",
	    verb_users },
	{ "notify", "[test CHANNEL | messages [--status dead] | retry N|CHANNEL]",
	    "channels by which people are told, and whether one works",
	    "test messages retry --status waiting held told sent dead", verb_notify },
	{ "audit", "[--limit N] | verify [--head HASH]",
	    "who changed what, and whether that record is whole", "verify --limit --head",
	    verb_audit },
	{ "reactions",
	    "[--status S] [--host H] [--alert A] [--since T] | show R | undo R... | undo --alert A|--host H|--kind K|--all | "
	    "approve R... | apply KIND --host H|--label L [--pid N [--start US] | --address A | --port N [--protocol tcp|udp] | "
	    "--path F | --unit U | --data T] [--daemon D [--reach daemon|daemon_only]] [--alert A] [--ttl 10m] [--reason T] | simulate [--since 30d] | pause | resume",
	    "what was done about alerts, and doing it by hand",
	    "show undo approve apply simulate pause resume --status --host --alert --kind --since --all --label --pid "
	    "--start --address --port --protocol --path --unit --data --ttl --reason --daemon --reach kill freeze "
	    "block_ip block_port cut restore_file restart isolate plugin server_plugin",
	    verb_reactions },
	{ "protect",
	    "[--mode monitor|active|prevent|inherit] [--daemon D] [--host H | --label L] [--force]",
	    "how much automation may do",
	    "--mode --daemon --host --label --force monitor active prevent inherit", verb_protect },
	{ "report", "--daemon D [--host H] [--file FILE]",
	    "a page about one daemon: what is normal, what happened, what was done",
	    "--daemon --host --file", verb_report },
	{ "train", "[--days 7] [--daemon D] [--wait]",
	    "make models of what daemons do, from what is stored", "--days --daemon --wait",
	    verb_train },
	{ "models",
	    "[show M | diff M1 M2 | rollback D M | export D FILE | import FILE | forget --host H --from T --to T "
	    "[--wait]]",
	    "versions of models, and what they must forget",
	    "show diff rollback export import forget --host --from --to --wait", verb_models },
	{ "config", "check|show [--origin] [--agent FILE] [--server-file FILE]",
	    "read the configuration files as the programs do",
	    "check show --origin --agent --server-file", verb_config },
	{ "doctor", "[--agent FILE]",
	    "look for what is wrong with this installation, and say what to do", "--agent",
	    verb_doctor },
	{ "backup", "FILE [--server-file FILE]",
	    "copy all that the server keeps, its keys too, into a tar file while it runs",
	    "--server-file", verb_backup },
	{ "support-bundle", "FILE [--agent FILE] [--server-file FILE]",
	    "what somebody who helps needs to see, without secrets, as a tar file",
	    "--agent --server-file", verb_support_bundle },
	{ "completion", "bash", "print a completion script", "bash", verb_completion },
	{ NULL, NULL, NULL, NULL, NULL },
};

int
verb_completion(struct ctl *c)
{
	if (c->argc != 2 || strcmp(c->argv[1], "bash") != 0)
		return ctl_usage(c);
	puts("# bash completion for daemonsec-ctl, made by `daemonsec-ctl completion bash`\n"
	     "_daemonsec_ctl()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= w\n"
	     "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase $w in");
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		printf("\t\t%s) verb=%s ;;\n", v->name, v->name);
	puts("\t\tesac\n\tdone\n\tcase $verb in");
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		printf("\t%s) w=\"%s --help -o --json\" ;;\n", v->name, v->words);
	printf("\t*) w=\"-o --server --token-file --no-headers --json --help --version help");
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		printf(" %s", v->name);
	puts(
	    "\" ;;\n\tesac\n\t[ \"${COMP_WORDS[COMP_CWORD-1]}\" = -o ] && w=\"table json jsonl csv\"\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$w\" -- \"$cur\")\n}\n"
	    "complete -F _daemonsec_ctl daemonsec-ctl");
	return EXIT_OK;
}
