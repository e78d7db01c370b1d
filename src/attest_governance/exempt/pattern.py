"""Globs: the one pattern language of exemptions. No regular expressions, and no slow pattern."""

from __future__ import annotations


def matches(pattern: str, text: str) -> bool:
    """Tells whether the whole of `text` matches `pattern`, case-sensitively.

    `*` stands for any run of characters, also an empty one and one with slashes; `?` stands for
    exactly one character; everything else, brackets included, stands for itself. The walk goes
    back to the last star only, so the work is at most `len(pattern) * len(text)` steps.
    """
    at, mark, star, resume = 0, 0, -1, 0
    while mark < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, mark
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[mark]):
            at, mark = at + 1, mark + 1
        elif star >= 0:
            at, mark, resume = star + 1, resume + 1, resume + 1
        else:
            return False
    return all(rest == "*" for rest in pattern[at:])


def matches_policy(pattern: str, policy: str, rule: str) -> bool:
    """Tells whether `pattern` names the policy, or `policy/rule` for one rule of it."""
    return matches(pattern, policy) or matches(pattern, f"{policy}/{rule}")
