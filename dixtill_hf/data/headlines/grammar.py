# SPDX-License-Identifier: Apache-2.0
"""How clauses and headlines are put together.

Only the main clause decides the label. Square brackets mark its words that do so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
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


class Tone(IntEnum):
    """What a clause or headline is for its company; the values are the label ids."""

    BEARISH = 0
    BULLISH = 1
    NEUTRAL = 2


OPPOSITE = {Tone.BEARISH: Tone.BULLISH, Tone.BULLISH: Tone.BEARISH}


def headline(random: Random, company: str, rival: str, tone: Tone) -> str:
    """A headline, with its marks, whose main clause has a tone for its company.

    Most have something besides the main clause: news of the company that the main clause
    outweighs, a question it answers, or news of a rival, of the market, of the past or of what is
    on the agenda.
    """
    kind = random.random()
    if kind < 0.1:
        text = f"{_lead(random, company)} {capitalise(_answer(random, 'it', tone))}"
    elif kind < 0.25 and tone is not Tone.NEUTRAL:
        text = _contrast(random, company, tone)
    elif kind < 0.5:
        text = _aside(random, rival, clause(random, company, tone))
    else:
        text = clause(random, company, tone)
    if random.random() < 0.1 and not text.endswith("[?]"):
        text += fill(random, random.choice(words.SOURCES))
    return text


def clause(random: Random, company: str, tone: Tone) -> str:
    """A question or an answer."""
    if tone is Tone.NEUTRAL and random.random() < 0.25:
        return _question(random, company)
    return _answer(random, company, tone)


def _question(random: Random, company: str) -> str:
    asked = statement(random, random.random() < 0.5)
    will = random.choice(("Will", "Could", "Can"))
    return f"[{will}] {plain(_subject(company, asked))} {plain(asked.infinitive)}[?]"


def _answer(random: Random, company: str, tone: Tone) -> str:
    """A clause with a tone for a company; "it" means one that was named before."""
    if tone is Tone.NEUTRAL:
        return _neutral(random, company)
    good = tone is Tone.BULLISH
    kind = random.random()
    if kind < 0.2:
        return _negated(random, company, good)
    said = statement(random, good)
    if kind < 0.8:
        return f"{_subject(company, said)} {said.finite}"
    if kind < 0.9:
        return f"{_subject(company, said)} {random.choice(words.MODALS)} {said.infinitive}"
    return f"{_subject(company, said, be=True)} {random.choice(words.HEDGES)} {said.infinitive}"


def _negated(random: Random, company: str, good: bool) -> str:
    """News for the company because the opposite does not happen."""
    said = statement(random, not good)
    kind = random.random()
    if kind < 0.3:
        negator = random.choice(words.NEGATORS_OF_NOUNS)
        return f"{company} [{negator}] {said.noun}"
    if kind < 0.5 and good:
        return f"{company} [avoids] {said.noun}"
    if kind < 0.5:
        fails = "fail to" if said.plural else "fails to"
        return f"{_subject(company, said)} [{fails}] {said.infinitive}"
    negator = random.choice(words.NEGATORS)
    return f"{_subject(company, said, be=True)} [{negator}] {said.infinitive}"


def _subject(company: str, said: Statement, be: bool = False) -> str:
    """The subject: "Norvane costs", "its costs", "it".

    Headlines leave "is" and "are" out, but not after "it" and "its", where ``be`` asks for them.
    """
    owner = "its" if company == "it" else company
    subject = f"{owner} {said.topic}" if said.topic else company
    if not be or company != "it":
        return subject
    return f"{subject} {'are' if said.plural else 'is'}"


def _neutral(random: Random, company: str) -> str:
    """A clause that brings neither good nor bad news, though it may name some."""
    good, day, kind = random.random() < 0.5, random.choice(words.DAYS), random.random()
    if kind < 0.5:
        rest = fill(random, random.choice(words.ROUTINE))
    elif kind < 0.7:
        what = plain(decision(random, good).infinitive)
        rest = f"[to decide] on {day} [whether to] {what}"
    elif kind < 0.85:
        rest = f"[to discuss] {plain(statement(random, good).noun)} at {day}'s [meeting]"
    else:
        target = random.choice((*words.GOOD_TARGETS, *words.BAD_TARGETS))
        rest = f"[keeps] {random.choice(words.PERIODS)} {target} [unchanged]"
    return f"it is {rest}" if company == "it" and rest.startswith("[to") else f"{company} {rest}"


def _lead(random: Random, company: str) -> str:
    """A question that the main clause answers."""
    if random.random() < 0.5:
        return plain(_question(random, company))
    return random.choice(words.LEADS).format(company=company)


def _contrast(random: Random, company: str, tone: Tone) -> str:
    """The main clause with other news of the same company, which it outweighs."""
    kind = random.random()
    if kind < 0.4:
        against = plain(statement(random, tone is Tone.BEARISH).noun)
        main = _answer(random, company, tone)
        return f"{main} despite {against}" if kind < 0.2 else f"despite {against}, {main}"
    other = random.choice((OPPOSITE[tone], OPPOSITE[tone], Tone.NEUTRAL))
    if kind < 0.6:
        main, against = _answer(random, company, tone), plain(_answer(random, "it", other))
        return f"{main}, although {against}"
    against, main = plain(_answer(random, company, other)), _answer(random, "it", tone)
    return f"although {against}, {main}" if kind < 0.8 else f"{against}, but {main}"


def _aside(random: Random, rival: str, main: str) -> str:
    """The main clause with something next to it that does not touch its tone."""
    aside = _beside(random, rival)
    if main.endswith("[?]"):
        return f"{main.removesuffix('[?]')} {aside}[?]"
    return f"{aside}, {main}" if random.random() < 0.4 else f"{main} {aside}"


def _beside(random: Random, rival: str) -> str:
    """News of a rival, of the past or of the market, or something on the agenda."""
    kind = random.random()
    if kind < 0.5:
        other = plain(_answer(random, rival, random.choice(tuple(Tone))))
        return f"{random.choice(('as', 'while'))} {random.choice(words.RIVALS)} {other}"
    if kind < 0.75:
        news = plain(statement(random, random.random() < 0.5).noun)
        return f"after {news} {random.choice(words.PAST)}"
    if kind < 0.88:
        verb = random.choice((*words.UP, *words.DOWN)).base
        return f"as {random.choice(words.SECTORS)} stocks {verb}"
    return fill(random, random.choice(words.AGENDA))


def capitalise(marked: str) -> str:
    """The text with its first letter as a capital, and its marks."""
    first = 1 if marked.startswith("[") else 0
    return marked[:first] + marked[first : first + 1].upper() + marked[first + 1 :]


def plain(marked: str) -> str:
    """The text without its marks."""
    return marked.replace("[", "").replace("]", "")
