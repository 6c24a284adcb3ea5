"""The strategies that come with OMEN: one file each, one decision each.

They import trio, `omen.core` and the kit beside them, and nothing else. Nothing in `omen` imports
them: the engine finds them by the entry point group `omen.strategies`, like those of others.
"""
