"""A rule's decision is RE2's word on one message, and gives what the message holds by name."""

import pytest

from exporter.matching.decision import RegexDecision, decision_of
from exporter.matching.fields import FieldReader
from exporter.model import Rule


def test_a_regex_decides_unless_its_exclusion_is_found():
    """The regex has to be found anywhere, the exclusion nowhere."""
    decision = decision_of(Rule("declined", "declined", exclude_regex="test card"), FieldReader())
    assert decision.matches(b"card declined")
    assert not decision.matches(b"test card declined")
    assert not decision.matches(b"test card")


def test_values_are_the_named_groups_of_the_leftmost_match():
    """Named groups that took part are given by name; others, and groups without name, are not."""
    decision = RegexDecision(r"(?P<code>E\d+)(?: (?P<host>\w+))?(x)?")
    assert decision.values(b"see E12 web then E13") == {"code": b"E12", "host": b"web"}
    assert decision.values("E1 \u00e9".encode()) == {"code": b"E1"}
    assert RegexDecision("(E)").values(b"E") == {}


def test_the_proposal_is_the_regex():
    """Hyperscan looks for the rule's own regex."""
    assert decision_of(Rule("r", "a+b"), FieldReader()).proposal == "a+b"


@pytest.mark.parametrize("rule", [Rule("bad", "(a"), Rule("bad", "a", exclude_regex="(a")])
def test_a_regex_that_re2_refuses_names_its_rule(rule: Rule):
    """The fault says which rule, and gives RE2's reason."""
    with pytest.raises(ValueError, match=r"rule bad: missing \): \(a"):
        decision_of(rule, FieldReader())
