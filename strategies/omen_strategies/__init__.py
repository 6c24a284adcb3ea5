"""The strategies: one file each, one decision each, found through entry points only.

They import trio, `omen.core.plan` and the vocabulary below it. Nothing in `omen` imports them.
"""
