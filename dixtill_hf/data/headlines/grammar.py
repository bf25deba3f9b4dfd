# SPDX-License-Identifier: Apache-2.0
"""How clauses and headlines are put together.

The main clause alone decides the label. Square brackets mark its words that do so.
"""

from enum import IntEnum
from random import Random

from dixtill_hf.data.headlines import vocabulary as words
from dixtill_hf.data.headlines.statements import Statement, fill, statement


class Tone(IntEnum):
    """What a clause or headline is for its company; the values are the label ids."""

    BEARISH = 0
    BULLISH = 1
    NEUTRAL = 2

    def opposite(self) -> "Tone":
        """Bullish for bearish, bearish for bullish."""
        return Tone.BULLISH if self is Tone.BEARISH else Tone.BEARISH


POLAR = (Tone.BEARISH, Tone.BULLISH)


def headline(random: Random, company: str, rival: str, tone: Tone) -> str:
    """A headline whose main clause has a tone for its company, with its marks.

    Half the headlines have more than the main clause: news of the company that the main clause
    outweighs, of a rival, of the market, of the past, or of what is on the agenda.
    """
    kind = random.random()
    if kind < 0.1:
        lead = random.choice(words.LEADS).format(company=company)
        main = clause(random, "it", tone)
        return f"{lead} {capitalise(main)}"
    if kind < 0.35 and tone is not Tone.NEUTRAL:
        text = _contrast(random, company, tone)
    elif kind < 0.65:
        text = _aside(random, rival, clause(random, company, tone))
    else:
        text = clause(random, company, tone)
    if random.random() < 0.1 and not text.endswith("[?]"):
        text += fill(random, random.choice(words.SOURCES))
    return text


def clause(random: Random, company: str, tone: Tone) -> str:
    """A clause with a tone for a company; "it" stands for one that was named before."""
    if tone is Tone.NEUTRAL:
        return _neutral(random, company)
    good = tone is Tone.BULLISH
    kind = random.random()
    if kind < 0.55:
        said = statement(random, good)
        return f"{_subject(company, said)} {said.finite}"
    if kind < 0.7:
        said = statement(random, good)
        return f"{_subject(company, said, 'be')} {random.choice(words.HEDGES)} {said.infinitive}"
    return _negated(random, company, statement(random, not good), good)


def _negated(random: Random, company: str, said: Statement, good: bool) -> str:
    """A clause in which what is said does not happen."""
    if random.random() < 0.3:
        if good:
            return f"{company} [avoids] {said.noun}"
        fails = "fail to" if said.plural else "fails to"
        return f"{_subject(company, said)} [{fails}] {said.infinitive}"
    return f"{_subject(company, said, 'be')} [{random.choice(words.NEGATORS)}] {said.infinitive}"


def _subject(company: str, said: Statement, verb: str = "") -> str:
    """The subject: "Norvane", "Norvane costs", "its costs"; "is" stands after pronouns alone."""
    if said.topic:
        subject = f"{'its' if company == 'it' else company} {said.topic}"
    else:
        subject = company
    if not verb or company != "it":
        return subject
    return f"{subject} {'are' if said.plural else 'is'}"


def _neutral(random: Random, company: str) -> str:
    """A clause without good or bad news, though it may name some."""
    kind = random.random()
    if kind < 0.25 and company != "it":
        asked = statement(random, random.random() < 0.5)
        will = random.choice(("Will", "Could", "Can"))
        return f"[{will}] {plain(_subject(company, asked))} {plain(asked.infinitive)}[?]"
    if kind < 0.6:
        rest = fill(random, random.choice(words.ROUTINE))
    elif kind < 0.75:
        said = statement(random, random.random() < 0.5)
        while said.topic:
            said = statement(random, random.random() < 0.5)
        rest = f"[to decide] on {random.choice(words.DAYS)} [whether to] {plain(said.infinitive)}"
    elif kind < 0.85:
        said = statement(random, random.random() < 0.5)
        rest = f"[to discuss] {plain(said.noun)} at {random.choice(words.DAYS)}'s [meeting]"
    else:
        target = random.choice((*words.GOOD_TARGETS, *words.BAD_TARGETS))
        rest = f"[keeps] {random.choice(words.PERIODS)} {target} [unchanged]"
    if company == "it" and rest.startswith("[to"):
        company = "it is"
    return f"{company} {rest}"


def _contrast(random: Random, company: str, tone: Tone) -> str:
    """The main clause against other news of the same company, which it outweighs."""
    other = random.choice((tone.opposite(), tone.opposite(), Tone.NEUTRAL))
    kind = random.random()
    if kind < 0.35 and other is not Tone.NEUTRAL:
        noun = plain(statement(random, other is Tone.BULLISH).noun)
        if random.random() < 0.5:
            return f"{clause(random, company, tone)} despite {noun}"
        return f"despite {noun}, {clause(random, company, tone)}"
    first, second = clause(random, company, tone), _not_asked(random, "it", other)
    if kind < 0.5:
        return f"{first}, although {plain(second)}"
    first, second = _not_asked(random, company, other), clause(random, "it", tone)
    if kind < 0.7:
        return f"although {plain(first)}, {second}"
    return f"{plain(first)}, but {second}"


def _not_asked(random: Random, company: str, tone: Tone) -> str:
    """A clause that is no question."""
    while (text := clause(random, company, tone)).endswith("[?]"):
        pass
    return text


def _aside(random: Random, rival: str, main: str) -> str:
    """The main clause with something beside it that does not touch its tone."""
    kind = random.random()
    asked = main.endswith("[?]")
    if kind < 0.5:
        other = plain(_not_asked(random, rival, random.choice(tuple(Tone))))
        aside = f"{random.choice(('as', 'while'))} {random.choice(words.RIVALS)} {other}"
    elif kind < 0.75:
        news = plain(statement(random, random.random() < 0.5).noun)
        aside = f"after {news} {random.choice(words.PAST)}"
    elif kind < 0.88:
        verb = random.choice((*words.UP, *words.DOWN)).base
        aside = f"as {random.choice(words.SECTORS)} stocks {verb}"
    else:
        aside = fill(random, random.choice(words.AGENDA))
    if asked:
        return f"{main[:-3]} {aside}[?]"
    if random.random() < 0.4:
        return f"{aside}, {main}"
    return f"{main} {aside}"


def capitalise(marked: str) -> str:
    """The text with its first letter as a capital, and its marks."""
    first = 1 if marked.startswith("[") else 0
    return marked[:first] + marked[first : first + 1].upper() + marked[first + 1 :]


def plain(marked: str) -> str:
    """The text without its marks."""
    return marked.replace("[", "").replace("]", "")
