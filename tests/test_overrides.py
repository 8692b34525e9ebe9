"""Rules that ship, changed by ``patterns.overrides``: what they match, where, and what is shown."""

import dataclasses
from pathlib import Path

import pytest
from collect_fixtures import KEY, WEB, Site, line
from exporter_process import run_command

from exporter.config.document import parse_document
from exporter.config.load import check_document
from exporter.errors import ConfigError
from exporter.logs.unwrap import unwrap
from exporter.matching.decision import matcher_of
from exporter.matching.packs import PackedRules, load_packs
from exporter.matching.selection import applies
from exporter.model import ComponentKey, Level, Rule, RuleTuning
from exporter.service.ruleset import load_rules

SHIPPED = {rule.name: rule for rule in load_packs(["default"])}


def rules_of(overrides: str) -> dict[str, Rule]:
    """The rules in force under these overrides, by name."""
    text = f"patterns: {{packs: [default], overrides: {overrides}}}\n"
    document = parse_document("config.yml", text)
    config = check_document(document, PackedRules(), matcher_of, None)
    return {rule.name: rule for rule in load_rules(config)}


def test_only_what_is_named_changes():
    """One is off, one has another level; every other rule is what it was, in its place."""
    rules = rules_of("{php_warning: {enabled: false}, system_error: {level: warning}}")
    assert list(rules) == [name for name in SHIPPED if name != "php_warning"]
    changed = {name for name, rule in rules.items() if rule != SHIPPED[name]}
    assert changed == {"system_error"}
    assert rules["system_error"].level is Level.WARNING
    assert rules["system_error"].meaning == SHIPPED["system_error"].meaning
    assert rules_of("{system_error: {}, system_dns:}") == SHIPPED


@pytest.mark.parametrize("shipped", [None, "(?i)test card"])
def test_an_exclusion_stands_beside_that_of_the_rule(shipped: str | None):
    """Either excludes a line; a flag of one does not reach the other."""
    rule = Rule("declined", "declined", exclude_regex=shipped)
    tuned = RuleTuning(exclude_regex="GET /wp-").apply(rule)
    matches = matcher_of(tuned)
    assert matches(b"declined")
    assert not matches(b"declined: GET /wp-login")
    assert matches(b"declined: get /WP-login")
    assert matches(b"declined: TEST card") is (shipped is None)
    assert tuned.meaning != rule.meaning


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_rule_that_ships_can_be_excluded_from(name: str):
    """Whatever flags its own exclusion has: its examples match, and with the marker none does."""
    tuned = matcher_of(RuleTuning(exclude_regex="harmless here$").apply(SHIPPED[name]))
    for example in SHIPPED[name].tests.match:
        assert tuned(unwrap(example.encode()))
        assert not tuned(unwrap(f"{example} harmless here".encode()))


def test_a_rule_can_count_whatever_a_line_declares():
    """A line that declares itself harmless counts for the rule that is told so."""
    shipped, tuned = SHIPPED["system_error"], rules_of("{system_error: {any_severity: true}}")
    assert not shipped.any_severity
    assert tuned["system_error"].any_severity
    assert rules_of("{system_error: {any_severity: false}}") == SHIPPED


def test_a_rule_is_silent_where_it_is_not_wanted():
    """Only where ``components`` says, and not where ``exclude_components`` does."""
    rule = rules_of('{system_dns: {components: ["shop*"], exclude_components: ["*/batch"]}}')
    names = ("shop/web", "shop-2/web", "shop/batch", "blog/web")
    keys = [ComponentKey(*name.split("/")) for name in names]
    assert [applies(rule["system_dns"], key) for key in keys] == [True, True, False, False]


def test_a_component_has_no_series_of_a_rule_that_is_silent_on_it():
    """Its lines count, the rule does not, and no series at 0 stands there."""
    rules = (Rule("oops", "oops", exclude_components=("shop/web",)), Rule("other", "oops"))
    site = Site(rules=rules)
    site.series.open_component(KEY, WEB)
    site.platform.log("d1").live = line(1, "oops")
    site.watch()
    site.scheduler.step("shop/web RUN")
    labels = {"app": "shop", "component": "web", "log_type": "RUN", "level": "error"}
    assert site.lines() == 1
    assert site.value("log_matches_total", pattern="oops", **labels) is None
    assert site.value("log_matches_total", pattern="other", **labels) == 1


def test_a_rule_of_a_pack_that_is_not_in_use_is_refused_with_its_pack():
    """What is wrong, where, and what would be right."""
    text = "patterns:\n  packs: [python]\n  overrides:\n    php_warning: {enabled: false}\n"
    with pytest.raises(ConfigError) as caught:
        check_document(parse_document("config.yml", text), PackedRules(), matcher_of, None)
    [fault] = caught.value.faults
    assert str(fault) == (
        "config.yml:4: patterns.overrides.php_warning: the rule 'php_warning' is of the pack php, "
        "which is not in use; add the pack to patterns.packs, or leave this out"
    )


def test_check_names_each_rule_that_is_changed(tmp_path: Path):
    """With what is changed of it; the count of rules is that of those in force."""
    file = tmp_path / "config.yml"
    file.write_text(
        "digitalocean: {token_env: TOKEN}\n"
        "patterns:\n  overrides:\n"
        "    system_error: {level: warning, exclude_components: ['shop/batch']}\n"
        "    php_warning: {enabled: false}\n"
    )
    done = run_command("check", f"--config.file={file}", variables={"TOKEN": "dop_v1_0"})
    assert done.returncode == 0, done.stderr
    assert f"rules: {len(SHIPPED) - 1}\n" in done.stdout
    assert "  php_warning: turned off\n" in done.stdout
    assert "  system_error: level warning; exclude_components shop/batch\n" in done.stdout


def test_a_tuning_can_change_all_that_the_contract_names():
    """So that no key is read and forgotten."""
    fields = {field.name for field in dataclasses.fields(RuleTuning)}
    assert fields >= {"enabled", "level", "exclude_regex", "components", "any_severity"}
