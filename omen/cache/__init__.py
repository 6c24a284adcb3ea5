"""The answer cache: exact matches only. Identical requests in flight share one upstream call."""

from omen.cache._answers import AnswerCache
from omen.cache._codec import CachedAnswer
from omen.cache._flights import Flight, Recorder
from omen.cache._key import cache_key, wants_cache

__all__ = ["AnswerCache", "CachedAnswer", "Flight", "Recorder", "cache_key", "wants_cache"]
