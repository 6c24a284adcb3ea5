"""The strategies that OMEN ships: one file each, one decision each.

They import trio, `omen.core` and the kit beside them, and nothing else. No module of `omen` imports
them: the engine finds them through the entry point group `omen.strategies`, like the strategies of
other packages.
"""
