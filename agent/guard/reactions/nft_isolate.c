/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_isolate - the isolation of this host, as chains of our table.
 *
 * Called by isolate.
 */
#include "agent/guard/reactions/nft_part.h"

#include <libnftnl/chain.h>

int
nft_is_isolated(void)
{
	int r = nft_chain_has("isolate_in", NFT_RULES_ISOLATE);

	return r == 1 ? nft_chain_has("isolate_out", NFT_RULES_ISOLATE) : r;
}

static void
put_chain_end(struct nft_batch *b, const char *name)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h = nft_batch_message(b, NFT_MSG_DELRULE, 0);

	/* Its rules first; a rule message without a handle means all of a chain. */
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NFT_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, name);
	nft_batch_next(b, h);
	h = nft_batch_message(b, NFT_MSG_DELCHAIN, 0);
	nftnl_chain_nlmsg_build_payload(h, c);
	nft_batch_next(b, h);
	nftnl_chain_free(c);
}

int
nft_isolate(bool on)
{
	static const char *const chains[] = { "isolate_in", "isolate_out", "isolate_fwd" };
	static struct nft_batch b;
	int r = on ? nft_setup() : 0;

	if (r < 0)
		return r;
	r = on ? nft_is_isolated() : nft_chain_has("isolate_in", 0);
	if (r < 0 || (r == 1) == on)
		return r < 0 ? r : 0;
	nft_batch_begin(&b);
	if (on)
		nft_put_isolation(&b);
	else
		for (size_t i = 0; i < DS_LEN(chains); i++)
			put_chain_end(&b, chains[i]);
	return nft_batch_send(&b);
}
