# SPDX-License-Identifier: Apache-2.0
"""The words of the embedded corpus. Every company, ticker, bank and person is invented."""

from typing import NamedTuple

COMPANIES = {
    "Norvane": "NRVN",
    "Keltor": "KLTR",
    "Brascombe Foods": "BRSC",
    "Ulvern": "ULVN",
    "Quarrin": "QRRN",
    "Halvex": "HLVX",
    "Dromera": "DRMA",
    "Pellawin": "PLWN",
    "Velmarq": "VLMQ",
    "Sandrik Motors": "SDRK",
    "Corvessa": "CVSA",
    "Lumeridge": "LMRG",
    "Ferrowane": "FRWN",
    "Grantholt": "GTHL",
    "Ombrell": "OMBR",
    "Jarvane Air": "JRVN",
    "Wexholm": "WXHM",
    "Yardenne": "YRDN",
    "Zephrant": "ZPHT",
    "Mirrowick": "MRWK",
    "Calthorne Energy": "CLTH",
    "Bexindale": "BXND",
    "Trevanto": "TRVT",
    "Osterly Labs": "OSTL",
    "Pramotek": "PRMK",
    "Rovenhall": "RVNH",
    "Silvarro": "SLVR",
    "Tamberline": "TMBL",
    "Vostrand": "VSTD",
    "Arkwell Steel": "ARKW",
    "Dunmarrow": "DNMW",
    "Elquist": "ELQT",
    "Fenstrom": "FNSM",
    "Galdera": "GLDR",
    "Hestrup": "HSTP",
    "Inverlock": "INVK",
    "Jolstra": "JLST",
    "Kestelle": "KSTL",
    "Lorvaine": "LRVN",
    "Marquand Rail": "MQRD",
    "Nordhollow": "NDHW",
    "Ostwick Bank": "OSWK",
    "Perrault Mining": "PRLT",
    "Quillmere": "QLMR",
    "Rathmore Retail": "RTHM",
    "Selbourne": "SLBN",
    "Tarquist": "TRQS",
    "Umberlane": "UMBL",
    "Vantreck": "VTRK",
    "Westerholt": "WSHT",
    "Yarrowgate": "YRGT",
    "Zintara": "ZNTR",
}
BANKS = (
    "Ardent Capital",
    "Holloway & Pike",
    "Castlemere",
    "Bluefen Securities",
    "Northquay",
    "Pinewater",
    "Stratham Brothers",
    "Vellum Research",
)
PEOPLE = (
    "Ines Calder",
    "Tomas Wren",
    "Priya Nolan",
    "Oskar Lind",
    "Mae Farrow",
    "Luis Hartog",
    "Dana Whitlock",
    "Jonas Ferreira",
    "Akiko Brandt",
    "Rupert Sayle",
)
CITIES = (
    "Austin",
    "Boston",
    "Denver",
    "Dublin",
    "Hamburg",
    "Leeds",
    "Lisbon",
    "Lyon",
    "Madrid",
    "Osaka",
    "Oslo",
    "Seoul",
    "Sydney",
    "Toronto",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
PERIODS = ("Q1", "Q2", "Q3", "Q4", "quarterly", "full-year", "annual", "first-half")
PAST = ("last year", "a year ago", "in the prior quarter", "two quarters ago")
RIVALS = ("rival", "competitor", "peer")
SECTORS = ("airline", "bank", "retail", "chip", "energy", "food")


class Verb(NamedTuple):
    """A verb in the forms that headlines use."""

    base: str
    third: str
    gerund: str


class Measure(NamedTuple):
    """Something that companies report: is its name a plural, and is more of it good news?"""

    name: str
    plural: bool
    good: bool


UP = (
    Verb("rise", "rises", "rising"),
    Verb("climb", "climbs", "climbing"),
    Verb("jump", "jumps", "jumping"),
    Verb("surge", "surges", "surging"),
    Verb("increase", "increases", "increasing"),
    Verb("leap", "leaps", "leaping"),
)
DOWN = (
    Verb("fall", "falls", "falling"),
    Verb("drop", "drops", "dropping"),
    Verb("slide", "slides", "sliding"),
    Verb("slump", "slumps", "slumping"),
    Verb("decline", "declines", "declining"),
    Verb("tumble", "tumbles", "tumbling"),
)
MEASURES = (
    Measure("profit", False, True),
    Measure("revenue", False, True),
    Measure("sales", True, True),
    Measure("margins", True, True),
    Measure("orders", True, True),
    Measure("cash flow", False, True),
    Measure("costs", True, False),
    Measure("losses", True, False),
    Measure("debt", False, False),
    Measure("complaints", True, False),
    Measure("loan defaults", True, False),
    Measure("expenses", True, False),
)

RAISE = (
    Verb("raise", "raises", "raising"),
    Verb("lift", "lifts", "lifting"),
    Verb("hike", "hikes", "hiking"),
)
CUT = (
    Verb("cut", "cuts", "cutting"),
    Verb("lower", "lowers", "lowering"),
    Verb("trim", "trims", "trimming"),
)
GOOD_TARGETS = ("outlook", "profit forecast", "sales guidance", "dividend", "output target")
BAD_TARGETS = ("loss forecast", "cost estimate", "debt forecast", "bad-loan estimate")

GO_ON = (Verb("resume", "resumes", "resuming"), Verb("extend", "extends", "extending"))
STOP = (Verb("suspend", "suspends", "suspending"), Verb("end", "ends", "ending"))
GOOD_AFFAIRS = ("share buyback", "supply deal", "hiring", "store openings")
BAD_AFFAIRS = ("layoffs", "plant shutdown", "product recall", "price cuts")

BEAT = (Verb("beat", "beats", "beating"), Verb("top", "tops", "topping"))
MISS = (Verb("miss", "misses", "missing"), Verb("trail", "trails", "trailing"))
YARDSTICKS = ("estimates", "expectations", "consensus")

# Said of a company as they are: the verb in its three forms, then what it is about.
GOOD_EVENTS = (
    (Verb("win", "wins", "winning"), "{city} [contract]"),
    (Verb("gain", "gains", "gaining"), "[market share] in {city}"),
    (Verb("secure", "secures", "securing"), "regulator's [approval]"),
    (Verb("get", "gets", "getting"), "[upgrade] from {bank}"),
    (Verb("settle", "settles", "settling"), "{city} [lawsuit]"),
    (Verb("attract", "attracts", "attracting"), "[investors] in {city}"),
    (Verb("delight", "delights", "delighting"), "{city} [customers]"),
    (Verb("outperform", "outperforms", "outperforming"), "[peers] in {city}"),
)
BAD_EVENTS = (
    (Verb("lose", "loses", "losing"), "{city} [contract]"),
    (Verb("cede", "cedes", "ceding"), "[market share] in {city}"),
    (Verb("face", "faces", "facing"), "regulator's [probe]"),
    (Verb("get", "gets", "getting"), "[downgrade] from {bank}"),
    (Verb("lose", "loses", "losing"), "{city} [lawsuit]"),
    (Verb("alarm", "alarms", "alarming"), "[investors] in {city}"),
    (Verb("disappoint", "disappoints", "disappointing"), "{city} [customers]"),
    (Verb("underperform", "underperforms", "underperforming"), "[peers] in {city}"),
)

HEDGES = ("set to", "expected to", "likely to", "seen on track to")
MODALS = ("could", "may", "will", "should")
NEGATORS = ("unlikely to", "no longer expected to", "not set to", "no longer likely to")
NEGATORS_OF_NOUNS = ("rules out", "stops short of")

# Neither good nor bad, said of a company.
ROUTINE = (
    "[names] {person} [finance chief]",
    "[appoints] {person} [to its board]",
    "[moves headquarters] to {city}",
    "[opens research office] in {city}",
    "[files] its annual [report]",
    "[to present] at {city} [conference]",
    "[to hold] its annual [meeting] on {day}",
)
AGENDA = (
    "as it names {person} finance chief",
    "as it moves headquarters to {city}",
    "ahead of {day}'s results",
    "before {day}'s annual meeting",
    "ahead of {city} conference",
)
LEADS = ("What next for {company}?", "Buy or sell {company}?", "Time to look at {company}?")
SOURCES = (", analysts say", ", {bank} says", ", filing shows", " - sources")
