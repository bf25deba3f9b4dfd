# SPDX-License-Identifier: Apache-2.0
"""Good and bad news of a company: what can be said of it, in every form a headline needs.

Square brackets mark the words that carry the label.
"""

from dataclasses import dataclass
from random import Random

from dixtill_hf.data.headlines import vocabulary as words
from dixtill_hf.data.headlines.vocabulary import Verb


@dataclass(frozen=True)
class Statement:
    """Something good or bad said of a company.

    Attributes:
        finite: The statement after its subject ("rise 4%").
        infinitive: The same after "to" ("rise 4%").
        noun: The same as a noun phrase ("a 4% rise in costs").
        topic: What of the company is the subject ("costs"); empty for the company itself.
        plural: Whether the topic is a plural.
    """

    finite: str
    infinitive: str
    noun: str
    topic: str = ""
    plural: bool = False


def statement(random: Random, good: bool) -> Statement:
    """Good or bad news of any kind."""
    kind = random.choice((_move, _change, _revision, _affair, _comparison, _event, _event))
    return kind(random, good)


def fill(random: Random, template: str) -> str:
    """Put names into the fields of a template."""
    return template.format(
        bank=random.choice(words.BANKS),
        city=random.choice(words.CITIES),
        day=random.choice(words.DAYS),
        person=random.choice(words.PEOPLE),
    )


def _move(random: Random, good: bool) -> Statement:
    """Costs rise 4%: the direction is good or bad only together with what moves."""
    measure = random.choice(words.MEASURES)
    verb = random.choice(words.UP if measure.good == good else words.DOWN)
    amount = f"{random.randint(2, 39)}%"
    return Statement(
        finite=f"[{verb.base if measure.plural else verb.third}] {amount}",
        infinitive=f"[{verb.base}] {amount}",
        noun=f"[{verb.gerund}] {random.choice(words.PERIODS)} [{measure.name}]",
        topic=f"[{measure.name}]",
        plural=measure.plural,
    )


def _change(random: Random, good: bool) -> Statement:
    """Posts a 4% rise in costs, posts higher costs."""
    measure = random.choice(words.MEASURES)
    up = measure.good == good
    if random.random() < 0.5:
        rise = random.choice(words.UP if up else words.DOWN).base
        what = f"a {random.randint(2, 39)}% [{rise}] in [{measure.name}]"
    else:
        higher = random.choice(words.MORE if up else words.LESS)
        what = f"[{higher}] {random.choice(words.PERIODS)} [{measure.name}]"
    return Statement(finite=f"posts {what}", infinitive=f"post {what}", noun=what)


def _revision(random: Random, good: bool) -> Statement:
    """Raises its outlook, cuts its loss forecast."""
    good_target = random.random() < 0.5
    verb = random.choice(words.RAISE if good_target == good else words.CUT)
    target = random.choice(words.GOOD_TARGETS if good_target else words.BAD_TARGETS)
    return _of_verb(verb, f"{random.choice(words.PERIODS)} [{target}]")


def _affair(random: Random, good: bool) -> Statement:
    """Resumes its buyback, ends layoffs."""
    good_affair = random.random() < 0.5
    verb = random.choice(words.GO_ON if good_affair == good else words.STOP)
    affair = random.choice(words.GOOD_AFFAIRS if good_affair else words.BAD_AFFAIRS)
    return _of_verb(verb, f"{random.choice(words.CITIES)} [{affair}]")


def _comparison(random: Random, good: bool) -> Statement:
    """Beats estimates: the verb says which of the figures is the larger."""
    verb = random.choice(words.BEAT if good else words.MISS)
    period, yardstick = random.choice(words.PERIODS), random.choice(words.YARDSTICKS)
    return _of_verb(verb, f"{period} {yardstick} by {random.randint(2, 39)} cents")


def _event(random: Random, good: bool) -> Statement:
    """Wins a contract, faces a probe."""
    verb, rest = random.choice(words.GOOD_EVENTS if good else words.BAD_EVENTS)
    return _of_verb(verb, fill(random, rest))


def _of_verb(verb: Verb, rest: str) -> Statement:
    return Statement(
        finite=f"[{verb.third}] {rest}",
        infinitive=f"[{verb.base}] {rest}",
        noun=f"[{verb.gerund}] {rest}",
    )
