# ruff: noqa: E501
"""The rules that classify intents: a table, read by `intent.py`. Patterns are in lower case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """The points that a match of `pattern` adds to an intent."""

    intent: str
    points: float
    pattern: re.Pattern[str]


def _rules(intent: str, *rows: tuple[float, str]) -> list[Rule]:
    return [Rule(intent, points, re.compile(pattern, re.M)) for points, pattern in rows]


_LANGUAGES = (
    r"python|javascript|typescript|java|kotlin|swift|rust|golang|ruby|php|perl|lua|haskell|scala|"
    r"c\+\+|c#|sql|bash|shell|powershell|html|css|react|vue|angular|django|flask|fastapi|rails|"
    r"node(?:\.js)?|pandas|numpy|docker(?:file)?|kubernetes|terraform|makefile|yaml|graphql|postgres"
)
_ARTEFACTS = (
    r"function|method|class|script|component|module|query|endpoint|decorator|generator|loop|hook|"
    r"snippet|app|cli|api|program|migration|stylesheet|interface|procedure|workflow|deployment|"
    r"extension|targets?|library|parser|wrapper|iterator|algorithm|traversal|search|cache|grid"
)

RULES: Sequence[Rule] = (
    *_rules(
        "regex",
        (6, r"\bregex(?:p|es|ps)?\b|\bregular expressions?\b|\bpcre\b"),
        (3, r"\b(?:look(?:ahead|behind|around)s?|backreference|capture groups?|named[- ]groups?)\b"),
        (3, r"\b(?:non-?greedy|greedy|quantifiers?|backtracking|character class)\b"),
        (4.5, r"\bre\.(?:sub|match|search|findall|compile|split|fullmatch)\b"),
        (4, r"\(\?[:=!<p]|\\[dwsb]\b|\[\^?[a-z]-[a-z]|\.\*\?|\[0-9\]"),
        (3, r"\bcase[- ]?(?:in)?sensitive\b|\bmultiline\b|\bas (?:one|a) pattern\b"),
        (2.5, r"\b(?:sed|awk|grep)\b|\bnotepad\+\+|\bvim substitute|\brewrite rule"),
        (2.5, r"\bpatterns?\b.{0,30}\b(?:match|extract|find|for|that)\b|^pattern\b|\bby pattern\b"),
        (2, r"\b(?:match|matches|matching)\b.{0,60}\b(?:digits?|letters?|words?|lines?|strings?|"
            r"characters?|quotes?|brackets?|parenthes[ei]s|colou?r|names?)\b"),
    ),
    *_rules(
        "tests",
        (4, r"\b(?:unit|integration|regression|e2e|end-to-end|load|fuzz|snapshot|contract|smoke|"
            r"property-based|table-driven|parametri[sz]ed|acceptance|mutation)[- ]?(?:tests?|testing)"
            r"\b"),
        (4, r"\b(?:pytest|unittest|jest|vitest|mocha|chai|rspec|junit|xunit|nunit|cypress|playwright|"
            r"selenium|googletest|gtest|hypothesis|doctest|cucumber|minitest|testng|k6|catch2)\b"),
        (3.5, r"\b(?:write|add|generate|create|make|give|need|want|provide|improve|fix|extend)\b"
              r".{0,40}\b(?:tests?|test cases?|specs?|assertions?)\b"),
        (3, r"\btest (?:suite|cases?|coverage|harness|plan|doubles?|fixtures?|inputs?|data)\b"),
        (3, r"\b(?:mock|stub|fixtures?|assert)\b|\bcoverage\b|\bflaky\b|\bspec for\b"),
        (3, r"^(?:unit )?tests?\b|^spec\b|\b(?:how|what) (?:do|would|should|can) i (?:unit )?test\b"),
        (2, r"\b(?:my|the|this|these|of the) tests?\b"),
        (1, r"\btests?\b|\btesting\b"),
    ),
    *_rules(
        "code",
        (3, r"\b(?:write|implement|create|build|code|develop|generate|make|need|want|give me|show "
            r"me|add|set up)\b.{0,60}\b(?:" + _ARTEFACTS + r")\b"),
        (2.5, r"\b(?:write|implement|create|build|generate|make|need|want|give me|show me|code)\b"
              r".{0,60}(?<![\w.])(?:" + _LANGUAGES + r")(?![\w])"),
        (3, r"\b(?:refactor|debug|port|patch|deduplicate|rewrite this (?:query|code|function)|"
            r"translate this (?:python|code|javascript|java))\b"),
        (2.5, r"^(?:please |can you |could you )?(?:fix|convert|port|complete|extend|replace|remove|"
              r"rename|swap|split|turn|change|clean up|optimi[sz]e|add|make|implement|move|inline|"
              r"extract|rewrite|finish|simplify|patch)\b"),
        (2, r"\bhow (?:do|can|would) i (?:read|write|parse|sort|send|call|iterate|connect|loop|open|"
            r"convert|format|split|join|fix|run|install|use)\b"),
        (2, r"\b(?:error|exception|traceback|compile|throws|segfault|undefined)\b"),
        (1.5, r"\b(?:async|await|retries|error handling|type hints|thread safe|global variable|"
              r"pagination|null|nullable|json|http client)\b"),
        (1.5, r"(?<![\w.])(?:" + _LANGUAGES + r")(?![\w])"),
        (2.5, r"^\s*(?:def|class|function|fn|func|public|import|const|let|var|#include|//)\b.*"
              r"[:{(]|^\s*//|\bfor \w+ in \w+:"),
        (2, r"\b(?:generator|decorator|iterator|coroutine|lambda)\b"),
        (1, r"\b(?:code|implementation|function|method|snippet)\b"),
    ),
    *_rules(
        "analysis",
        (4, r"\b(?:analy[sz]e|analysis|evaluate|assess|critique|weigh|compare|investigate|examine|"
            r"judge|interpret|threat model|swot|post-?mortem|root cause|bottlenecks?|trade-?offs?)\b"),
        (3, r"\b(?:pros and cons|advantages and disadvantages|implications?|consequences|"
            r"counterarguments?|alternatives|recommend(?:ation)?(?: one)?\b.{0,15}:|risks?)\b"),
        (3, r"\bshould (?:we|i|you|they)\b|\bis (?:it|this|that) (?:worth|cheaper|better|overkill|"
            r"fair|safe|significant)\b|\bis \w+(?: \w+)? overkill\b"),
        (3, r"^which\b.{0,80}\b(?:best|better|scales?|fits?|suits?|serve)\b"),
        (3, r"\b(?:step by step|reason (?:it|this) through|show (?:the|your) reasoning|walk through|"
            r"prove|disprove|estimate how|find the flaw|argue)\b"),
        (2.5, r"\bwhat (?:could|would|might|will) (?:be|happen|go)\b|\bwhat is most likely\b|"
              r"\bhelp me decide\b|\bsingle points? of failure\b"),
        (2, r"\b(?:review|rank|identify|break down|design a system|architecture|scal(?:e|es|ing)|"
            r"latency|migration plan|monolith|microservices|strategies|proposals?|options|incentives|"
            r"dominates|trends?|bottleneck|claim|theories|reasoned)\b"),
        (1.5, r"\b(?:given|our)\b.*\?|\d+ ?%.*\d"),
        (1, r"\bwhy did\b|\bor\b.{0,60}\?"),
    ),
    *_rules(
        "explanation",
        (4, r"\bexplain\b|\bexplanation\b|\bhelp me understand\b|\b(?:can|could) you clarify\b|"
            r"\bdon'?t (?:understand|get)\b|\bwalk me through\b|\bteach me\b|\beli5\b"),
        (3, r"\bwhat(?:'s| is| are| does| do)\b.{0,60}\b(?:mean|meant|do|doing|does|purpose|"
            r"difference|going on|used for|called|have)\b"),
        (3, r"\bhow (?:do|does|is|are|did) (?!i\b|we\b|you\b)[\w\- ]{2,60}\b(?:work|works|form|"
            r"resolve|keep|implemented|move|decides?|differs?|use|establish|made|store|handle|reach|"
            r"happen|differ)\b"),
        (2.5, r"^(?:why (?:do|does|is|are|did)|how (?:do|does|is|are) (?!i\b|you\b|we\b))"),
        (2.5, r"^what (?:is|are) the (?:causes?|reasons?|steps?|principles?)\b"),
        (2.5, r"\b(?:in simple terms|under the hood|for a beginner|overview|line by line|analogy|"
              r"basics of|concept of|difference between|like i'?m five|what happens when)\b"),
        (2.5, r"^(?:describe|tell me (?:how|why)|give me an overview|summari[sz]e how)\b"),
        (2, r"^what(?:'s| is| are) (?:an? |the )?(?:concept|idea|[a-z]+\??$|[a-z]+ [a-z]+\??$)"),
        (1.5, r"^what(?:'s| is| are| does| do)\b"),
    ),
    *_rules(
        "general",
        (3, r"\b(?:poem|haiku|joke|recipe|story|birthday|toast|lyrics|song|greet(?:ing)?|cover "
            r"letter|email|letter|trip|gift|movies?|restaurant|wedding|resignation|workout|meal|"
            r"cook|packing list|icebreaker|bedtime|roleplay|linkedin|message to|weather|synonyms?)\b"),
        (3, r"\btranslate\b.{0,60}\b(?:spanish|german|french|english|italian|japanese|chinese|dutch|"
            r"portuguese|polish)\b|\btranslate to\b|\bhow do (?:i|you) say\b"),
        (3, r"\b(?:proofread|grammar|friendlier|polite(?:ly)?|wording?|rephrase|shorten|summari[sz]e "
            r"this|rewrite this sentence|reword|minutes:)\b"),
        (2.5, r"^(?:who|when|where|name (?:three|five|ten)|list (?:ten|five|three)|suggest)\b|"
              r"\bcapital of\b|\bwhat time\b|\bhow many\b"),
        (3, r"^(?:hi|hello|hey|thanks|thank you|ok|okay|yes|no|good (?:morning|evening))\b"),
    ),
)  # fmt: skip
