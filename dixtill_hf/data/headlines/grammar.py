# SPDX-License-Identifier: Apache-2.0
"""How clauses and headlines are put together.

The main clause alone decides the label. Square brackets mark its words that do so.
"""

from enum import IntEnum
from random import Random

from dixtill_hf.data.headlines import vocabulary as words
from dixtill_hf.data.headlines.statements import Statement, decision, fill, statement


class Tone(IntEnum):
    """What a clause or headline is for its company; the values are the label ids."""

    BEARISH = 0
    BULLISH = 1
    NEUTRAL = 2


OPPOSITE = {Tone.BEARISH: Tone.BULLISH, Tone.BULLISH: Tone.BEARISH}


def headline(random: Random, company: str, rival: str, tone: Tone) -> str:
    """A headline, with its marks, whose main clause has a tone for its company.

    Most have something beside the main clause: news of the company that the main clause
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
    """A clause with a tone for a company; "it" stands for one that was named before."""
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
    """The main clause with something beside it that does not touch its tone."""
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
