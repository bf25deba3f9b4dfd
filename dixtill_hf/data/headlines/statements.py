# SPDX-License-Identifier: Apache-2.0
"""Good and bad news of a company: what can be said of it, in every form that a headline needs.

Square brackets mark the words that carry the label.
"""

from collections.abc import Callable
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
        noun: The same as a noun phrase ("rising Q3 costs").
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
    return random.choice(KINDS)(random, good)


def decision(random: Random, good: bool) -> Statement:
    """Good or bad news that a company decides on itself."""
    return random.choice((_revision, _affair))(random, good)


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
        amount = random.randint(2, 39)
        article = "an" if amount in (8, 11, 18) else "a"
        what = f"{article} {amount}% [{rise}] in [{measure.name}]"
    else:
        what = f"[{'higher' if up else 'lower'}] {random.choice(words.PERIODS)} [{measure.name}]"
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
    cents = random.randint(2, 99)
    by = f"by {cents} cents" if random.random() < 0.5 else f"with EPS of $1.{cents:02d}"
    return _of_verb(verb, f"{random.choice(words.PERIODS)} {random.choice(words.YARDSTICKS)} {by}")


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


# Those that a single word gives away are the more frequent ones.
KINDS: tuple[Callable[[Random, bool], Statement], ...] = (
    _move,
    _change,
    _revision,
    _affair,
    _comparison,
    _comparison,
    _event,
    _event,
    _event,
    _event,
)
